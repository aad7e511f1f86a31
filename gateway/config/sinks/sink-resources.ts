import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Place, type Problem, problem } from '../problem.ts'
import { type Environment, readSecret, type SecretReference } from '../secret.ts'
import type { SinkAuth, SinkTlsEntry } from './sink-members.ts'

/** Name of an audit sink, and the position of its settings in their source. */
export interface SinkOrigin {
  readonly name: string
  /** Folder against which relative paths in the settings of the sink are resolved. */
  readonly folder: string
  readonly place: Place
}

/**
 * TLS options of a sink: CA and client certificates and private key in PEM, and the name that the server certificate
 * must have.
 */
export interface SinkTls {
  /** Set explicitly, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default. */
  readonly rejectUnauthorized: true
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
}

/** Header fields that authenticate the worker to the receiver of audit records. */
export interface SinkCredential {
  readonly headers: Readonly<Record<string, string>>
  /** Secrets in the header fields. Log lines must not contain them. */
  readonly secrets: readonly string[]
}

interface SinkResourcesDependencies {
  readonly env: Environment
  readonly log: (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void
  /** List to which problems with unreadable or invalid secrets and certificates are added. */
  readonly problems: Problem[]
  /** Whether a line of an audit file is the seal line of a batch. */
  readonly isSealLine: (line: string) => boolean
}

/**
 * Resolves the files, secrets and certificates that the settings of one audit sink refer to. Also logs its warnings.
 */
export class SinkResources {
  readonly isSealLine: (line: string) => boolean
  readonly #origin: SinkOrigin
  readonly #dependencies: SinkResourcesDependencies

  constructor(origin: SinkOrigin, dependencies: SinkResourcesDependencies) {
    this.#origin = origin
    this.#dependencies = dependencies
    this.isSealLine = dependencies.isSealLine
  }

  /** Resolves a file path in the settings of the sink to an absolute path. */
  path(file: string): string {
    return resolve(this.#origin.folder, file)
  }

  /** Logs a warning, with the name of the sink in the field `sink`. */
  warn(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#dependencies.log('warn', message, { sink: this.#origin.name, ...fields })
  }

  /** @param tokenScheme  authentication scheme that precedes `auth.token` in the field `Authorization` */
  credential(auth: SinkAuth | undefined, tokenScheme: string): SinkCredential {
    if (auth?.token !== undefined) {
      const token = this.secret(auth.token, 'auth', 'token')
      return { headers: { authorization: `${tokenScheme} ${token}` }, secrets: [token] }
    }
    if (auth?.password !== undefined) {
      const password = this.secret(auth.password, 'auth', 'password')
      const pair = Buffer.from(`${auth.username}:${password}`).toString('base64')
      return { headers: { authorization: `Basic ${pair}` }, secrets: [password, pair] }
    }
    if (auth?.value === undefined) return { headers: {}, secrets: [] }
    const value = this.secret(auth.value, 'auth', 'value')
    return { headers: { [auth.header!.toLowerCase()]: value }, secrets: [value] }
  }

  tls(entry: SinkTlsEntry | undefined): SinkTls {
    return {
      rejectUnauthorized: true,
      ...(entry?.ca !== undefined && { ca: this.#certificate(entry.ca, 'ca') }),
      ...(entry?.cert !== undefined && { cert: this.#certificate(entry.cert, 'cert') }),
      ...(entry?.key !== undefined && { key: this.secret(entry.key, 'tls', 'key') }),
      ...(entry?.server_name !== undefined && { servername: entry.server_name }),
    }
  }

  /**
   * Reads a secret. When the secret cannot be used, adds a problem and returns an empty text. A secret outside the
   * settings key `tls` must contain only characters that are valid in a header field.
   *
   * @param keys  path of the secret in the settings of the sink
   */
  secret(reference: SecretReference, ...keys: string[]): string {
    const { secret, failure, warning } = readSecret(reference, this.#dependencies.env, this.#origin.folder)
    if (warning !== undefined) this.warn(warning)
    if (secret !== undefined && (keys[0] === 'tls' || /^[\x20-\x7e]+$/.test(secret))) return secret
    this.#report(failure ?? 'contains a character that is invalid in a header field', keys)
    return ''
  }

  #certificate(file: string, key: string): string {
    const path = this.path(file)
    try {
      const pem = readFileSync(path, 'utf8')
      if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem
      this.#report(`${path} is not a PEM certificate`, ['tls', key])
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
      this.#report(`${path} cannot be read (${code})`, ['tls', key])
    }
    return ''
  }

  #report(message: string, keys: readonly string[]): void {
    const { name, place } = this.#origin
    this.#dependencies.problems.push(problem('GH_CONFIG_SECRET', message, ['audit', 'sinks', name, ...keys], place))
  }
}
