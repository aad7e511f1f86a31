import { resolve } from 'node:path'
import type { SecretPlace } from '../../base/secret.ts'
import { certificatesError, privateKeyError } from '../../x509/certificate-texts.ts'
import type { OpenSecret, SecretUse } from '../open-secret.ts'
import { ConfigError, type Place, type Problem, problem } from '../problem.ts'
import { readSecret, type SecretReference } from '../secret.ts'
import type { Secrets } from '../secrets.ts'
import { isFitting, SinkAccess, type SinkCredential } from './sink-access.ts'
import type { SinkAuth, SinkTlsEntry } from './sink-members.ts'

/** Name of an audit sink, and the position of its settings in their source. */
export interface SinkOrigin {
  readonly name: string
  /** Folder against which relative paths in the settings of the sink are resolved. */
  readonly folder: string
  readonly place: Place
}

interface SinkResourcesDependencies {
  readonly secrets: Secrets
  readonly log: (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void
  /** List to which problems with unreadable or invalid secrets and certificates are added. */
  readonly problems: Problem[]
  /** Whether a line of an audit file is the seal line of a batch. */
  readonly isSealLine: (line: string) => boolean
}

/**
 * Resolves the files, secrets and certificates that the settings of one audit sink refer to. Also logs warnings about
 * the sink.
 */
export class SinkResources {
  readonly isSealLine: (line: string) => boolean
  readonly #origin: SinkOrigin
  readonly #dependencies: SinkResourcesDependencies
  /** Open secrets and certificates, by their name in the settings of the sink. @bound settings */
  readonly #opened = new Map<string, OpenSecret>()

  constructor(origin: SinkOrigin, dependencies: SinkResourcesDependencies) {
    this.#origin = origin
    this.#dependencies = dependencies
    this.isSealLine = dependencies.isSealLine
  }

  /** Resolves a file path in the settings of an audit sink to an absolute path. */
  path(file: string): string {
    return resolve(this.#origin.folder, file)
  }

  /** Logs a warning about an audit sink, with the name of the sink in the field `sink`. */
  warn(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#dependencies.log('warn', message, { sink: this.#origin.name, ...fields })
  }

  /**
   * Opens the secrets and certificates of an audit sink. They are read again when their files change.
   *
   * @param tokenScheme  authentication scheme that precedes `auth.token` in the field `Authorization`
   */
  access(auth: SinkAuth | undefined, tls: SinkTlsEntry | undefined, tokenScheme = 'Bearer'): SinkAccess {
    const authorize = this.#authorization(auth, tokenScheme)
    const ca = this.#certificates(tls?.ca, 'ca')
    const cert = this.#certificates(tls?.cert, 'cert')
    const key = tls?.key && this.#secret(tls.key, ['tls', 'key'], privateKeyError)
    const read = (): SinkCredential => ({ ...authorize(), cert: cert?.current, key: key?.current })
    if (!isFitting(read()))
      this.#report(`does not match ${tls!.cert}; name the key of this certificate`, ['tls', 'key'])
    const readFitting = (): SinkCredential | undefined => {
      const credential = read()
      return isFitting(credential) ? credential : undefined
    }
    const refresh = () => {
      for (const secret of this.#opened.values()) secret.refresh()
    }
    return new SinkAccess({
      source: { read: readFitting, refresh },
      ca: () => ca?.current,
      serverName: tls?.server_name,
    })
  }

  /**
   * After a reload, makes the open secrets and certificates follow the sources that changed settings of the sink name.
   */
  follow(entry: object, folder: string): void {
    for (const [name, place] of secretPlaces(entry, folder)) {
      const secret = this.#opened.get(name)
      if (secret !== undefined && !secret.isAt(place)) secret.move(place)
    }
  }

  /**
   * Returns a function that builds the header fields for authentication from the values that the secrets have at the
   * time of the call.
   */
  #authorization(auth: SinkAuth | undefined, tokenScheme: string): () => SinkCredential {
    const open = (reference: SecretReference, key: string) => this.#secret(reference, ['auth', key], headerValueError)
    if (auth?.token !== undefined) {
      const token = open(auth.token, 'token')
      return () => credentialOf('authorization', `${tokenScheme} ${token?.current}`, [token?.current])
    }
    if (auth?.password !== undefined) {
      const password = open(auth.password, 'password')
      return () => {
        const pair = Buffer.from(`${auth.username}:${password?.current}`).toString('base64')
        return credentialOf('authorization', `Basic ${pair}`, [password?.current, pair])
      }
    }
    if (auth?.value === undefined) return () => ({ headers: {}, secrets: [] })
    const value = open(auth.value, 'value')
    return () => credentialOf(auth.header!.toLowerCase(), `${value?.current}`, [value?.current])
  }

  #secret(reference: SecretReference, keys: readonly string[], check: SecretUse['check']): OpenSecret | undefined {
    const place = placeOf(reference, this.#origin.folder)
    const { warning } = readSecret(place, this.#dependencies.secrets.env, '')
    if (warning !== undefined) this.warn(warning)
    return this.#open(place, keys, { check })
  }

  #certificates(file: string | undefined, key: 'ca' | 'cert'): OpenSecret | undefined {
    if (file === undefined) return undefined
    const path = this.path(file)
    const check = (text: string) =>
      certificatesError(text) === undefined ? undefined : `${path} is not a PEM certificate`
    return this.#open({ file: path }, ['tls', key], { check, certificate: key === 'ca' ? 'authority' : 'client' })
  }

  /** Opens a secret of an audit sink. Adds a problem and returns `undefined` when the secret is unusable. */
  #open(place: SecretPlace, keys: readonly string[], use: Omit<SecretUse, 'path' | 'usedBy'>): OpenSecret | undefined {
    const { name } = this.#origin
    const path = ['audit', 'sinks', name, ...keys]
    try {
      const secret = this.#dependencies.secrets.open(place, { ...use, path, usedBy: `audit sink ${name}` })
      this.#opened.set(keys.join('.'), secret)
      return secret
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      for (const { message } of error.problems) this.#report(message, keys)
      return undefined
    }
  }

  #report(message: string, keys: readonly string[]): void {
    const { name, place } = this.#origin
    this.#dependencies.problems.push(problem('GH_CONFIG_SECRET', message, ['audit', 'sinks', name, ...keys], place))
  }
}

/**
 * Returns the sources of the secrets and certificates of a sink. The key is the name in the settings of the sink, such
 * as `tls.key`.
 */
function secretPlaces(entry: object, folder: string): ReadonlyMap<string, SecretPlace> {
  const { auth, tls }: { readonly auth?: SinkAuth; readonly tls?: SinkTlsEntry } = entry
  const references = { 'auth.token': auth?.token, 'auth.password': auth?.password, 'auth.value': auth?.value }
  const files = { 'tls.ca': tls?.ca, 'tls.cert': tls?.cert }
  const all = [
    ...Object.entries({ ...references, 'tls.key': tls?.key }),
    ...Object.entries(files).map(([name, file]) => [name, file === undefined ? undefined : { file }] as const),
  ]
  return new Map(
    all.flatMap(([name, reference]) => (reference === undefined ? [] : [[name, placeOf(reference, folder)] as const])),
  )
}

function placeOf({ env, file }: SecretReference, folder: string): SecretPlace {
  return env === undefined ? { file: resolve(folder, file!) } : { env }
}

function credentialOf(field: string, value: string, secrets: readonly (string | undefined)[]): SinkCredential {
  return { headers: { [field]: value }, secrets: secrets.filter((secret) => secret !== undefined) }
}

function headerValueError(text: string): string | undefined {
  return /^[\x20-\x7e]+$/.test(text) ? undefined : 'contains a character that is invalid in a header field'
}
