import type { Commit } from '../base/commit.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { FetchQueue } from './fetch-queue.ts'
import { IssuerClient, type IssuerClientOptions } from './issuer-client.ts'
import { type IssuerLog, KeySet, type KeySetStatus, type KeySetTimes } from './key-set.ts'
import type { KeySource } from './key-source.ts'

export interface IssuerKeysOptions extends Partial<KeySetTimes>, IssuerClientOptions {
  readonly log: IssuerLog
}

/** The key sets of all issuers of the policy. */
export class IssuerKeys implements KeySource {
  readonly #client: IssuerClient
  readonly #times: KeySetTimes
  readonly #log: IssuerLog
  readonly #queue = new FetchQueue()
  /** By the settings that determine the keys of an issuer. */
  readonly #sets = new Map<string, KeySet>()
  /** Key sets by rules, including rules of older snapshots that exchanges still use. */
  readonly #setOf = new WeakMap<IssuerRules, KeySet>()

  constructor(options: IssuerKeysOptions) {
    const { log, cooldownMs = 10_000, refreshMs = 300_000, timeoutMs = 5_000 } = options
    this.#client = new IssuerClient(options)
    this.#times = { cooldownMs, refreshMs, timeoutMs }
    this.#log = log
  }

  keySetOf(rules: IssuerRules): KeySet {
    let set = this.#setOf.get(rules)
    if (set === undefined) {
      set = this.#sets.get(sourceOf(rules)) ?? new KeySet(rules, this.#client, this.#times, this.#log, this.#queue)
      this.#setOf.set(rules, set)
    }
    return set
  }

  /** Follows exactly these issuers from now on. Runs {@link prepare} and its commit in one step. */
  retain(rules: Iterable<IssuerRules>): void {
    this.prepare(rules)()
  }

  /**
   * Prepares to follow exactly the issuers of a policy. The commit starts the first fetch of new key sets in the
   * background, and stops the refresh of sets that no issuer needs. Rules with the same key source keep their set. Keys
   * of issuers that verify nothing are not fetched.
   */
  prepare(rules: Iterable<IssuerRules>): Commit {
    const retained = new Map([...rules].filter(hasUse).map((each) => [sourceOf(each), this.keySetOf(each)]))
    return () => {
      for (const [source, set] of this.#sets) {
        if (retained.get(source) === set) continue
        this.#sets.delete(source)
        set.close()
      }
      for (const [source, set] of retained) {
        this.#sets.set(source, set)
        set.start()
      }
    }
  }

  status(): readonly KeySetStatus[] {
    return [...this.#sets.values()].map((set) => set.status())
  }

  async close(): Promise<void> {
    this.retain([])
    await this.#client.close()
  }
}

/**
 * Whether the issuer's keys verify anything. They do not if its tokens are opaque and its answers unsigned; such an
 * issuer may have no keys.
 */
function hasUse({ tokens, introspection }: IssuerRules): boolean {
  return tokens !== 'opaque' || introspection?.response === 'jwt'
}

function sourceOf({ name, issuer, jwksUri, algorithms, keysStaleMs }: IssuerRules): string {
  return JSON.stringify([name, issuer, jwksUri, [...algorithms].sort(), keysStaleMs])
}
