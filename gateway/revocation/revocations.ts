import { setImmediate } from 'node:timers/promises'
import { Supervisor } from '../base/supervisor.ts'
import type { Freshness } from '../cluster/freshness.ts'
import type { SharedState } from '../cluster/shared-state.ts'
import type { RevocationMemo, TokenFacts } from '../oauth/token-facts.ts'
import { HashKeys, type RevocableSession } from './identity.ts'
import { Replica } from './replica.ts'
import type { RevocationStore } from './revocation-store.ts'

const SWEEP_EVERY_MS = 1000

export interface RevocationsParts {
  readonly store: RevocationStore
  readonly freshness: Freshness
  readonly maxStalenessMs: number
  /** Now, ms since the epoch, and rather too early: what has expired by it is forgotten for good. */
  readonly nowMs: () => number
}

/** What a node knows to be revoked: its replica, kept up to date by the events of the cluster. */
export class Revocations implements SharedState {
  readonly kinds = ['revoked', 'hash-keys']
  readonly #store: RevocationStore
  readonly #freshness: Freshness
  readonly #maxStalenessMs: number
  readonly #nowMs: () => number
  readonly #replica = new Replica()
  readonly #endSweeping: () => void
  #hashKeys = new HashKeys([])

  constructor({ store, freshness, maxStalenessMs, nowMs }: RevocationsParts) {
    this.#store = store
    this.#freshness = freshness
    this.#maxStalenessMs = maxStalenessMs
    this.#nowMs = nowMs
    this.#endSweeping = new Supervisor('revocation-sweep').repeat(SWEEP_EVERY_MS, () => this.#replica.sweep(this.#nowS))
  }

  /** `undefined` until Redis has told them. */
  get hashKeys(): HashKeys | undefined {
    return this.#hashKeys.list.length === 0 ? undefined : this.#hashKeys
  }

  get size(): number {
    return this.#replica.size
  }

  /** Memory of the replica, bytes. */
  get bytes(): number {
    return this.#replica.bytes
  }

  /**
   * Whether the token is revoked, in any of the ways in which it can be named. What was looked up is not looked up again
   * until something has changed: then it costs a comparison, and allocates nothing.
   *
   * @param token  the whole token that the facts are of
   */
  revoked(facts: TokenFacts, token: string): boolean {
    const { revocation } = facts
    if (this.#isSettled(revocation)) return revocation.revoked
    const hashes = this.#isHashed(revocation) ? revocation.hashes! : this.#hashKeys.hashesOf(facts, token)
    return this.#look(revocation, hashes, facts.issuedAtS)
  }

  /**
   * Whether a login session was ended, in any of the ways in which it can be named. By when it began, whatever tokens it
   * has been given since. Costs the same.
   *
   * @param toleranceS  of the issuer's clock, which an entry has in it: that of the gate began the session
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

  /** Whether a session of the gate is revoked by its own id. For sessions of which Redis has no record any more. */
  sessionRevoked(id: string, issuers: Iterable<string>): boolean {
    return this.#replica.matches(this.#hashKeys.hashesOfSessionId(id, issuers), undefined)
  }

  /**
   * Whether too much time has passed without news to decide by what this node knows.
   *
   * @param routeMs  what the route allows; never less than `max_staleness`
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
    // A node that is new has nothing to put back.
    const held = this.#replica.size === 0 ? undefined : new Replica()
    for await (const records of this.#store.read()) {
      held?.apply(records)
      this.#replica.apply(records)
    }
    if (held === undefined) return
    for (const records of this.#replica.beyond(held, this.#nowS)) {
      if (records.length > 0) await this.#store.putBack(records, Math.floor(Date.now() / 1000))
      // A replica of millions must not hold up the requests.
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

  /** Nothing has changed since the last look, or nothing can any more. */
  #isSettled({ revoked, seen, hashedWith }: RevocationMemo): boolean {
    return revoked || (seen === this.#replica.changes && hashedWith === this.#hashKeys)
  }

  #look(memo: RevocationMemo, hashes: Uint32Array, beganAtS: number | undefined): boolean {
    memo.hashes = hashes
    memo.hashedWith = this.#hashKeys
    memo.seen = this.#replica.changes
    // Nothing is ever taken back, so what is revoked stays so, and a cache may give its place away.
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
