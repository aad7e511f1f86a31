import { X509Certificate } from 'node:crypto'
import type { Expiry, ExpirySource } from '../base/expiries.ts'
import type { Secret, SecretPlace } from '../base/secret.ts'
import { Supervisor } from '../base/supervisor.ts'
import { authorityEnds } from '../x509/authority-ends.ts'
import { pemCertificates } from '../x509/pem-certificates.ts'
import { OpenSecret, type SecretHost, type SecretListing, type SecretUse } from './open-secret.ts'
import { ConfigError, formatPath, nowhere, problem } from './problem.ts'
import type { Environment } from './secret.ts'
import type { SettingSecret } from './settings-context.ts'

/**
 * Time between two checks of the secret files for changes, ms. A new value is in use after two checks at the latest.
 */
const POLL_MS = 500
/** Time for which the previous value of a secret stays valid after a change, ms: 10 minutes. */
const OVERLAP_MS = 10 * 60_000

export interface SecretsDependencies {
  readonly env: Environment
  readonly log: SecretHost['log']
}

/**
 * The secrets of a node or worker. When the file of a secret changes, its value is read again. Polls size, times and
 * inode of each file twice a second. File system events are not used: network mounts do not send them, and Kubernetes
 * replaces files by links.
 */
export class Secrets implements ExpirySource {
  /**
   * Open secrets, as weak references: a secret that nothing uses any more leaves this set also without a call of
   * `close`, for example after a rejected policy.
   *
   * @bound settings
   */
  readonly #open = new Set<WeakRef<OpenSecret>>()
  /** Secrets of the settings, by the path of their key. @bound settings */
  readonly #ofSettings = new Map<string, OpenSecret>()
  readonly #host: SecretHost
  #endWatching: (() => void) | undefined

  constructor({ env, log }: SecretsDependencies) {
    this.#host = { env, log, overlapMs: OVERLAP_MS, forget: (secret) => this.#forget(secret) }
  }

  get env(): Environment {
    return this.#host.env
  }

  /**
   * Opens a secret. When its file changes, its value is read again, until `close` of the secret is called.
   *
   * @throws {ConfigError} that names the source and the problem, and contains no secret
   */
  open(place: SecretPlace, use: SecretUse): OpenSecret {
    try {
      const secret = new OpenSecret(place, use, this.#host)
      this.#open.add(new WeakRef(secret))
      return secret
    } catch (error) {
      throw new ConfigError([problem('GH_CONFIG_SECRET', (error as Error).message, use.path, nowhere)])
    }
  }

  /**
   * Opens the secrets of new settings, and closes the secrets that the new settings no longer have. If the source of a
   * secret has changed, the value from the old source becomes the previous value.
   *
   * @throws {ConfigError} when a secret cannot be read
   */
  followSettings(settings: readonly SettingSecret[]): void {
    const byName = new Map(settings.map((each) => [formatPath(each.use.path), each]))
    for (const [name, secret] of this.#ofSettings) {
      if (byName.has(name)) continue
      secret.close()
      this.#ofSettings.delete(name)
    }
    for (const [name, { place, use }] of byName) {
      const known = this.#ofSettings.get(name)
      if (known === undefined) this.#ofSettings.set(name, this.open(place, use))
      else if (!known.isAt(place)) known.move(place)
    }
  }

  /** Returns a secret of the settings, such as `admin.bootstrap_token`; `undefined` when the settings do not have it. */
  ofSettings(name: string): Secret | undefined {
    return this.#ofSettings.get(name)
  }

  watch(): void {
    this.#endWatching = new Supervisor('secret-watch').repeat(POLL_MS, () => this.poll())
  }

  /**
   * Checks the files of all open secrets for changes. A changed file is read at the second check that finds the same
   * change.
   */
  poll(): void {
    for (const secret of this.#secrets()) secret.poll()
  }

  /** Reads the sources of all open secrets now, whether they have changed or not. */
  reload(): void {
    for (const secret of this.#secrets()) secret.read()
  }

  /** Lists the open secrets by name, without their values. */
  list(): SecretListing[] {
    return this.#secrets()
      .map((secret) => secret.listing())
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /**
   * Lists when the certificates among the open secrets expire: client certificates of the gate, and CAs that the gate
   * trusts.
   */
  *expiries(): Iterable<Expiry> {
    for (const { name, current, certificate } of this.#secrets()) {
      if (certificate === 'authority') {
        yield* authorityExpiries(name, current)
        continue
      }
      const expiresAtMs = certificateUntilMs(current)
      if (expiresAtMs !== undefined) yield { kind: 'client-certificate', name, expiresAtMs }
    }
  }

  close(): void {
    this.#endWatching?.()
  }

  #secrets(): OpenSecret[] {
    const secrets: OpenSecret[] = []
    for (const each of this.#open) {
      const secret = each.deref()
      if (secret === undefined) this.#open.delete(each)
      else secrets.push(secret)
    }
    return secrets
  }

  #forget(closed: OpenSecret): void {
    for (const each of this.#open) if (each.deref() === closed) this.#open.delete(each)
  }
}

function authorityExpiries(name: string, text: string): readonly Expiry[] {
  const ends = authorityEnds(pemCertificates(text))
  return ends.map(({ subject, expiresAtMs }) => ({ kind: 'upstream-ca', name: `${name} ${subject}`, expiresAtMs }))
}

/** Returns the expiry date of the first certificate in a PEM text; `undefined` for any other text. */
function certificateUntilMs(text: string): number | undefined {
  if (!text.includes('-----BEGIN CERTIFICATE-----')) return undefined
  try {
    return new X509Certificate(text).validToDate.getTime()
  } catch {
    return undefined
  }
}
