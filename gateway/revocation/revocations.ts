import { setImmediate } from 'node:timers/promises'
import { Supervisor } from '../base/supervisor.ts'
import type { Freshness } from '../cluster/freshness.ts'
import type { SharedState } from '../cluster/shared-state.ts'
import type { RevocationMemo, TokenFacts } from '../oauth/token-facts.ts'
import { HashKeys, type RevocableSession } from './identity.ts'
import { Replica } from './replica.ts'
import type { RevocationStore } from './revocation-store.ts'

const SWEEP_EVERY_MS = 1000

export interface RevocationsDependencies {
  readonly store: RevocationStore
  readonly freshness: Freshness
  readonly maxStalenessMs: number
  /**
   * Returns the current time, ms since the Unix epoch. The clock must never be ahead, because expired entries are
   * removed for good.
   */
  readonly nowMs: () => number
}

/** Revocations that this node knows: a local replica, kept up to date by events of the cluster. */
export class Revocations implements SharedState {
  readonly kinds = ['revoked', 'hash-keys']
  readonly #store: RevocationStore
  readonly #freshness: Freshness
  readonly #maxStalenessMs: number
  readonly #nowMs: () => number
  readonly #replica = new Replica()
  readonly #endSweeping: () => void
  #hashKeys = new HashKeys([])

  constructor({ store, freshness, maxStalenessMs, nowMs }: RevocationsDependencies) {
    this.#store = store
    this.#freshness = freshness
    this.#maxStalenessMs = maxStalenessMs
    this.#nowMs = nowMs
    this.#endSweeping = new Supervisor('revocation-sweep').repeat(SWEEP_EVERY_MS, () => this.#replica.sweep(this.#nowS))
  }

  /** Keys of the keyed hash for identities; `undefined` until this node has read them from Redis. */
  get hashKeys(): HashKeys | undefined {
    return this.#hashKeys.list.length === 0 ? undefined : this.#hashKeys
  }

  get size(): number {
    return this.#replica.size
  }

  /** Memory that the revocation replica of this node uses, bytes. */
  get bytes(): number {
    return this.#replica.bytes
  }

  /**
   * Whether the token is revoked by any of its identities. The token facts store the result until the revocations
   * change. Until then a call costs a comparison and allocates nothing.
   *
   * @param token  the whole token to which the facts belong
   */
  revoked(facts: TokenFacts, token: string): boolean {
    const { revocation } = facts
    if (this.#isSettled(revocation)) return revocation.revoked
    const hashes = this.#isHashed(revocation) ? revocation.hashes! : this.#hashKeys.hashesOf(facts, token)
    return this.#look(revocation, hashes, facts.issuedAtS)
  }

  /**
   * Whether a login session is revoked by any of its identities. Uses the time when the session was created, not the
   * time of its latest token. Costs the same as {@link revoked}.
   *
   * @param toleranceS  clock tolerance of the issuer, s. Records include this tolerance for tokens; the gate's own
   *   clock created the session, so this method adds the tolerance to `createdAtS`
   */
  ended(
    session: RevocableSession & { readonly createdAtS: number; readonly revocation: RevocationMemo },
    toleranceS: number,
  ): boolean {
    const { revocation } = session
    if (this.#isSettled(revocation)) return revocation.revoked
    const hashes = this.#isHashed(revocation) ? revocation.hashes! : this.#hashKeys.hashesOfSession(session)
    return this.#look(revocation, hashes, session.createdAtS + toleranceS)
  }

  /**
   * Whether a session of the gate is revoked by its session id. Used when the record of the session is no longer in
   * Redis.
   */
  sessionRevoked(id: string, issuers: Iterable<string>): boolean {
    return this.#replica.matches(this.#hashKeys.hashesOfSessionId(id, issuers), undefined)
  }

  /**
   * Whether the revocations of this node are too old for a decision.
   *
   * @param routeMs  staleness limit of the route, ms; the larger one of this limit and `max_staleness` applies
   */
  stale(routeMs: number): boolean {
    return !this.#freshness.within(Math.max(routeMs, this.#maxStalenessMs))
  }

  apply(kind: string, payload: Buffer): void {
    if (kind === 'revoked') this.#replica.apply(payload)
    else this.#adopt(payload)
  }

  async catchUp(): Promise<void> {
    this.#adopt(await this.#store.adoptKeys(this.#hashKeys.list))
    // Skip the restoration on a new node, which knows no revocation yet.
    const held = this.#replica.size === 0 ? undefined : new Replica()
    for await (const records of this.#store.read()) {
      held?.apply(records)
      this.#replica.apply(records)
    }
    if (held === undefined) return
    for (const records of this.#replica.recordsNotIn(held, this.#nowS)) {
      if (records.length > 0) await this.#store.restore(records, Math.floor(Date.now() / 1000))
      // Yields to the event loop, so that a scan of millions of entries does not delay requests.
      else await setImmediate()
    }
  }

  close(): void {
    this.#endSweeping()
  }

  get #nowS(): number {
    return Math.floor(this.#nowMs() / 1000)
  }

  #isHashed({ hashes, hashedWith }: RevocationMemo): boolean {
    return hashes !== undefined && hashedWith === this.#hashKeys
  }

  /**
   * Whether the stored result of a revocation check is final (revoked), or the revocations have not changed since the
   * last look-up.
   */
  #isSettled({ revoked, seen, hashedWith }: RevocationMemo): boolean {
    return revoked || (seen === this.#replica.changes && hashedWith === this.#hashKeys)
  }

  #look(memo: RevocationMemo, hashes: Uint32Array, beganAtS: number | undefined): boolean {
    memo.hashes = hashes
    memo.hashedWith = this.#hashKeys
    memo.seen = this.#replica.changes
    // Keep the result for ever: a revocation is never withdrawn, so a revoked token stays revoked, and a cache can
    // evict the entry of the token.
    memo.revoked = this.#replica.matches(hashes, beganAtS)
    return memo.revoked
  }

  #adopt(keys: Buffer): void {
    const read = HashKeys.read(keys)
    const known = this.#hashKeys.list
    if (read.list.length === known.length && read.list.every((key, i) => key === known[i])) return
    this.#hashKeys = read
  }
}
