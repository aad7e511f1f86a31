import type { Commit } from '../base/commit.ts'
import type { Expiry, ExpirySource } from '../base/expiries.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { FetchQueue } from './fetch-queue.ts'
import { IssuerClient, type IssuerClientOptions } from './issuer-client.ts'
import { type IssuerLog, KeySet, type KeySetStatus, type KeySetTimes } from './key-set.ts'
import type { KeySource } from './key-source.ts'

export interface IssuerKeysOptions extends Partial<KeySetTimes>, IssuerClientOptions {
  readonly log: IssuerLog
}

/** The key sets of all issuers of the policy. */
export class IssuerKeys implements KeySource, ExpirySource {
  readonly #client: IssuerClient
  readonly #times: KeySetTimes
  readonly #log: IssuerLog
  readonly #queue = new FetchQueue()
  /**
   * Key sets of the policy in force. The key is the text of all settings that determine the keys of an issuer, so that
   * a new policy with equal settings reuses the key set.
   *
   * @bound policy
   */
  readonly #sets = new Map<string, KeySet>()
  /** Key set by the rules of its issuer, including rules of older policy snapshots that exchanges still use. */
  readonly #setOf = new WeakMap<IssuerRules, KeySet>()

  constructor(options: IssuerKeysOptions) {
    const { log, cooldownMs = 10_000, refreshMs = 300_000, retryMs = 30_000, timeoutMs = 5_000 } = options
    this.#client = new IssuerClient(options)
    this.#times = { cooldownMs, refreshMs, retryMs, timeoutMs }
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

  /** Uses the keys of exactly these issuers from now on: calls {@link prepare} and the function that it returns. */
  retain(rules: Iterable<IssuerRules>): void {
    this.prepare(rules)()
  }

  /**
   * Prepares the key sets for the issuers of a new policy. The returned function starts the first fetch of new key sets
   * in the background, and stops the periodic fetches of key sets that no issuer needs any more. Issuers with the same
   * key source as before keep their key set. Key sets that verify nothing are not fetched.
   */
  prepare(rules: Iterable<IssuerRules>): Commit {
    const used = [...rules].filter(hasUse)
    const retained = new Map(used.map((each) => [sourceOf(each), this.keySetOf(each)]))
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
      for (const each of used) retained.get(sourceOf(each))!.followStale(each.keysStaleMs)
    }
  }

  status(): readonly KeySetStatus[] {
    return [...this.#sets.values()].map((set) => set.status())
  }

  /**
   * Lists the key sets whose last fetch failed, with the time at which the gate stops to use their keys. Other key sets
   * have no known end.
   */
  *expiries(): Iterable<Expiry> {
    const nowMs = Date.now()
    for (const { issuer, outcome, ageMs, staleMs } of this.status()) {
      if (outcome !== 'failed' || ageMs === undefined) continue
      yield { kind: 'issuer-keys', name: issuer, expiresAtMs: nowMs - ageMs + staleMs }
    }
  }

  async close(): Promise<void> {
    this.retain([])
    await this.#client.close()
  }
}

/**
 * Whether the issuer's keys are used to verify anything. The keys are not used if the issuer's tokens are opaque and
 * its introspection responses unsigned. Such an issuer need not have keys.
 */
function hasUse({ tokens, introspection }: IssuerRules): boolean {
  return tokens !== 'opaque' || introspection?.response === 'jwt'
}

function sourceOf({ name, issuer, jwksUri, algorithms }: IssuerRules): string {
  return JSON.stringify([name, issuer, jwksUri, [...algorithms].sort()])
}
