import type { Commit } from '../base/commit.ts'
import type { Secret } from '../base/secret.ts'
import type { NeededSecret } from '../config/needed-secret.ts'
import type { Secrets } from '../config/secrets.ts'

/** The open secrets that the credentials of the policy in force consist of. */
export class ServiceSecrets {
  readonly #secrets: Pick<Secrets, 'open'>
  /** Includes the secrets of older policy snapshots that exchanges still use. */
  readonly #of = new WeakMap<NeededSecret, Secret>()
  /** Secrets of the policy in force, by source and place in the policy. */
  #current: ReadonlyMap<string, Secret> = new Map()

  constructor(secrets: Pick<Secrets, 'open'>) {
    this.#secrets = secrets
  }

  /** @param needed  a secret of a policy that was prepared with {@link prepare} */
  of(needed: NeededSecret): Secret {
    return this.#of.get(needed)!
  }

  /**
   * Opens the secrets of a policy. A secret that is unchanged from the policy in force stays open, so that its previous
   * value stays known during a rotation. The commit ends the watch of all other secrets of the policy before; exchanges
   * of that policy continue with the last value.
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
