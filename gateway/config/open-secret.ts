import { statSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { Rotating } from '../base/rotating.ts'
import { type Secret, type SecretPlace, secretSource } from '../base/secret.ts'
import { stampOf } from './file-stamp.ts'
import { type DocumentPath, formatPath } from './problem.ts'
import { type Environment, readCertificates, readSecret } from './secret.ts'

/** Minimum time between two reads of a secret's source that refusals of the secret by another system cause, ms. */
const REFRESH_MS = 1000

/** Where and for what a secret is used, for the list of secrets and for log lines. */
export interface SecretUse {
  /** Path of the secret in the settings or the policy, such as `issuers`, `corp`, `login`, `client_secret`. */
  readonly path: DocumentPath
  /** Purpose of the secret, for operators, such as `login at issuer corp`. */
  readonly usedBy: string
  /**
   * Returns a text that says what is wrong with a value of the secret, without quoting the value; `undefined` when the
   * value is valid.
   */
  readonly check?: ((text: string) => string | undefined) | undefined
  /**
   * Kind of the certificates, set when the file contains certificates instead of a secret; such a file may be larger.
   * `client`: a client certificate of the gate; `authority`: CAs that the gate trusts.
   */
  readonly certificate?: 'client' | 'authority' | undefined
}

/**
 * An entry of the list of secrets, without the value. Names are in snake_case, because the admin API sends this object.
 */
export interface SecretListing {
  readonly name: string
  /** Source of the secret: `file PATH` or `env NAME`. */
  readonly source: string
  readonly used_by: string
  /** Time of the last change of the file, RFC 3339. For a secret in an environment variable: start of the process. */
  readonly changed_at: string
  /**
   * True while the gate still accepts the secret's value from before the last change, or presents it if the new value
   * is refused.
   */
  readonly previous_valid: boolean
  /**
   * Error in the newest value of the secret, so that an earlier value stays in use; `null`: the newest value is valid.
   */
  readonly problem: string | null
}

/**
 * The part of `Secrets` that an open secret calls. `overlapMs`: time for which the previous value
 * stays valid after a change, ms.
 */
export interface SecretHost {
  readonly env: Environment
  readonly overlapMs: number
  log(level: 'info' | 'error', message: string, fields: Readonly<Record<string, unknown>>): void
  forget(secret: OpenSecret): void
}

const processStartedAt = new Date(Date.now() - performance.now()).toISOString()

/** A secret whose value is read again when its file changes. Created by `Secrets.open`. */
export class OpenSecret implements Secret {
  readonly name: string
  readonly #host: SecretHost
  #place: SecretPlace
  readonly #use: SecretUse
  readonly #value: Rotating<string>
  /** Functions that are called after a change of the secret. @bound code */
  readonly #listeners: (() => void)[] = []
  /** Stamp (metadata) of the file when the value of the secret was read last. */
  #read: string
  /**
   * Stamp (metadata) of the secret's file at the last poll. A changed file is read only when two consecutive polls find
   * the same stamp, so that no file is read while it is written.
   */
  #found: string
  #changedAt: string
  #problem: string | undefined
  #refreshedMs = Number.NEGATIVE_INFINITY

  /** @throws {Error} that names the source and the problem, without quoting the secret */
  constructor(place: SecretPlace, use: SecretUse, host: SecretHost) {
    this.name = formatPath(use.path)
    this.#host = host
    this.#place = place
    this.#use = use
    this.#read = this.#stamp()
    this.#found = this.#read
    const text = this.#readText()
    if (this.#problem !== undefined) throw new Error(this.#problem)
    this.#value = new Rotating(text)
    this.#changedAt = this.#modifiedAt()
  }

  get current(): string {
    return this.#value.current
  }

  get previous(): string | undefined {
    return this.#value.previousWithin(this.#host.overlapMs)
  }

  get presented(): string {
    return this.#value.presented
  }

  refused(value: string): boolean {
    this.refresh()
    return this.#value.refused(value)
  }

  refresh(): void {
    const now = performance.now()
    if (now - this.#refreshedMs < REFRESH_MS) return
    this.#refreshedMs = now
    this.read()
  }

  changed(listener: () => void): void {
    this.#listeners.push(listener)
  }

  close(): void {
    this.#host.forget(this)
  }

  /** Reads the file of the secret when the file has changed, and was not written to since the previous poll. */
  poll(): void {
    const stamp = this.#stamp()
    const isStable = stamp === this.#found
    this.#found = stamp
    if (isStable && stamp !== this.#read) this.read()
  }

  /**
   * Reads the source of the secret now. An invalid value is logged (not its text), and the value in use stays in use.
   */
  read(): void {
    this.#read = this.#stamp()
    this.#found = this.#read
    const before = this.#problem
    const text = this.#readText()
    const fields = { secret: this.name, source: this.#source, used_by: this.#use.usedBy }
    if (this.#problem !== undefined) {
      if (this.#problem === before) return
      this.#host.log('error', 'secret rejected; the value in use stays active', { ...fields, problem: this.#problem })
      return
    }
    if (text === this.#value.current) return
    this.#value.replace(text)
    this.#changedAt = this.#modifiedAt()
    this.#host.log('info', 'secret changed; the new value is in use', fields)
    for (const listener of this.#listeners) listener()
  }

  /** Makes the secret follow another source, and reads it. The value of the old source becomes the previous value. */
  move(place: SecretPlace): void {
    this.#place = place
    this.read()
  }

  /** Kind of the certificates in the file of this secret; `undefined` for a text secret. */
  get certificate(): SecretUse['certificate'] {
    return this.#use.certificate
  }

  /** Whether the secret is read from this source (file or variable). */
  isAt(place: SecretPlace): boolean {
    return JSON.stringify(place) === JSON.stringify(this.#place)
  }

  listing(): SecretListing {
    return {
      name: this.name,
      source: this.#source,
      used_by: this.#use.usedBy,
      changed_at: this.#changedAt,
      previous_valid: this.previous !== undefined,
      problem: this.#problem ?? null,
    }
  }

  get #source(): string {
    return 'env' in this.#place ? `env ${this.#place.env}` : `file ${this.#place.file}`
  }

  #stamp(): string {
    return 'env' in this.#place ? '' : stampOf(this.#place.file)
  }

  #modifiedAt(): string {
    if ('env' in this.#place) return processStartedAt
    try {
      return statSync(this.#place.file).mtime.toISOString()
    } catch {
      return new Date().toISOString()
    }
  }

  /**
   * Reads the source of the secret and returns its value. Sets `#problem` to what is wrong with the value; `undefined`
   * for a valid value.
   */
  #readText(): string {
    const { env } = this.#host
    const { secret = '', failure } =
      this.#use.certificate === undefined ? readSecret(this.#place, env, '') : readCertificates(this.#place, env)
    const error = failure === undefined ? this.#use.check?.(secret) : undefined
    this.#problem = error === undefined ? failure : `${secretSource(this.#place)} ${error}`
    return secret
  }
}
