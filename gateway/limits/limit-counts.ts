/**
 * Counters of one limit in this node since the start of the process. `leased` and `returned` count permits, all other
 * members count requests.
 */
export interface LimitCounts {
  readonly limit: string
  admitted: number
  refused: number
  /** Number of requests decided without Redis, admitted or refused. */
  outage: number
  /** Number of requests that a shadow limit would have refused. A shadow limit is counted but not enforced. */
  shadowRefused: number
  /** Number of permits that the node leased in advance. */
  leased: number
  /** Number of leased permits that the node returned unspent. */
  returned: number
}

/**
 * Counters of each limit, by label. A limit that was removed from the policy keeps its counters, because a counter must
 * never fall.
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
