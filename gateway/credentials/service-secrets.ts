import type { Commit } from '../base/commit.ts'
import type { Secret } from '../base/secret.ts'
import type { NeededSecret } from '../config/needed-secret.ts'
import type { Secrets } from '../config/secrets.ts'

/** Secrets that the gate sends to services as credentials, for the policy in force. */
export class ServiceSecrets {
  readonly #secrets: Pick<Secrets, 'open'>
  /** Open secrets, including those of older policy snapshots that exchanges still use. */
  readonly #of = new WeakMap<NeededSecret, Secret>()
  /** Secrets of the policy in force. The key is the source of the secret and its place in the policy. @bound policy */
  #current: ReadonlyMap<string, Secret> = new Map()

  constructor(secrets: Pick<Secrets, 'open'>) {
    this.#secrets = secrets
  }

  /**
   * Returns the open secret that a service gets as credential.
   *
   * @param needed a secret of a policy that was prepared with {@link prepare}
   */
  of(needed: NeededSecret): Secret {
    return this.#of.get(needed)!
  }

  /**
   * Opens the secrets of a new policy. A secret that the policy in force also has stays open, so that its previous
   * value stays known during a rotation. The returned function puts the secrets into effect. The secrets that only the
   * previous policy has no longer follow their files: its exchanges continue with the last value.
   *
   * @throws {ConfigError} when a secret cannot be read or is unusable
   */
  prepare(needed: Iterable<NeededSecret>): Commit {
    const next = new Map<string, Secret>()
    const opened: Secret[] = []
    try {
      for (const each of needed) {
        const { place, use } = each
        const name = JSON.stringify([place, use.path])
        let secret = next.get(name) ?? this.#current.get(name)
        if (secret === undefined) {
          secret = this.#secrets.open(place, use)
          opened.push(secret)
        }
        next.set(name, secret)
        this.#of.set(each, secret)
      }
    } catch (error) {
      for (const secret of opened) secret.close()
      throw error
    }
    return () => {
      for (const [name, secret] of this.#current) if (!next.has(name)) secret.close()
      this.#current = next
    }
  }

  close(): void {
    for (const secret of this.#current.values()) secret.close()
  }
}
