import { statSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { Rotating } from '../base/rotating.ts'
import { type Secret, type SecretPlace, secretSource } from '../base/secret.ts'
import { stampOf } from './file-stamp.ts'
import { type DocumentPath, formatPath } from './problem.ts'
import { type Environment, readCertificates, readSecret } from './secret.ts'

/** Shortest time between two reads of a source that a refusal causes, ms. */
const REFRESH_MS = 1000

/** Use of a secret, for the inventory and for log lines. */
export interface SecretUse {
  /** Path of the secret in the settings or the policy, such as `issuers`, `corp`, `login`, `client_secret`. */
  readonly path: DocumentPath
  /** User of the secret, for operators, such as `login at issuer corp`. */
  readonly usedBy: string
  /** Returns the error in a value, without quoting it; `undefined` when the value is valid. */
  readonly check?: ((text: string) => string | undefined) | undefined
  /**
   * Set for a file of certificates, which may be larger than a secret: a client certificate of the gate, or the
   * authorities that the gate trusts. Default: a secret.
   */
  readonly certificate?: 'client' | 'authority' | undefined
}

/** An entry of the inventory of secrets. It contains no value. Names in snake_case are sent in replies. */
export interface SecretListing {
  readonly name: string
  /** `file PATH` or `env NAME`. */
  readonly source: string
  readonly used_by: string
  /** Time of the last change of the source, RFC 3339: of the file, or for a variable the start of the process. */
  readonly changed_at: string
  /** Whether the value before the last change is still accepted or presented. */
  readonly previous_valid: boolean
  /** Error in the newest value of the source, which is therefore not in use; `null` for a valid value. */
  readonly problem: string | null
}

/** The part of the secret store that an open secret calls: its environment, overlap of two values (ms), log and removal. */
export interface SecretHost {
  readonly env: Environment
  readonly overlapMs: number
  log(level: 'info' | 'error', message: string, fields: Readonly<Record<string, unknown>>): void
  forget(secret: OpenSecret): void
}

const processStartedAt = new Date(Date.now() - performance.now()).toISOString()

/** A secret that follows its file. Made by `Secrets.open`. */
export class OpenSecret implements Secret {
  readonly name: string
  readonly #host: SecretHost
  #place: SecretPlace
  readonly #use: SecretUse
  readonly #value: Rotating<string>
  readonly #listeners: (() => void)[] = []
  /** Stamp of the file when its value was read last. */
  #read: string
  /** Stamp that the last poll found. A file is read when two polls find the same stamp: it is then not being written. */
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

  /** Reads a file that has changed and that was not written to since the previous poll. */
  poll(): void {
    const stamp = this.#stamp()
    const isStable = stamp === this.#found
    this.#found = stamp
    if (isStable && stamp !== this.#read) this.read()
  }

  /** Reads the source of the secret now. An invalid value is logged, and the value in use stays active. */
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

  /** Makes the secret follow another source. The value of the old source becomes the previous value. */
  move(place: SecretPlace): void {
    this.#place = place
    this.read()
  }

  /** Kind of the certificates in this file; `undefined` for a secret. */
  get certificate(): SecretUse['certificate'] {
    return this.#use.certificate
  }

  /** Whether the secret follows this source. */
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

  /** Returns the value of the source, and sets `#problem` to the error in it. */
  #readText(): string {
    const { env } = this.#host
    const { secret = '', failure } =
      this.#use.certificate === undefined ? readSecret(this.#place, env, '') : readCertificates(this.#place, env)
    const error = failure === undefined ? this.#use.check?.(secret) : undefined
    this.#problem = error === undefined ? failure : `${secretSource(this.#place)} ${error}`
    return secret
  }
}
