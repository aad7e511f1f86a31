/**
 * Counters of one limit in this node since the process started. They count requests, except `leased` and `returned`.
 */
export interface LimitCounts {
  readonly limit: string
  admitted: number
  refused: number
  /** Requests decided without Redis, admitted or refused. */
  outage: number
  /** Requests that a shadow limit, which is not enforced, would have refused. */
  shadowRefused: number
  /** Permits leased in advance. */
  leased: number
  /** Leased permits that were returned unspent. */
  returned: number
}

/**
 * Counters per limit label. A limit that was removed from the policy keeps its counters, because counters never fall.
 */
export class LimitCounters {
  readonly #byLabel = new Map<string, LimitCounts>()

  of(limit: string): LimitCounts {
    let counts = this.#byLabel.get(limit)
    if (counts === undefined) {
      counts = { limit, admitted: 0, refused: 0, outage: 0, shadowRefused: 0, leased: 0, returned: 0 }
      this.#byLabel.set(limit, counts)
    }
    return counts
  }

  list(): readonly Readonly<LimitCounts>[] {
    return [...this.#byLabel.values()]
  }
}
