/** What happened to one limit in this node since it started. Requests, but for the permits of leases. */
export interface LimitCounts {
  readonly limit: string
  admitted: number
  refused: number
  /** Decided without Redis, whatever the outcome. */
  outage: number
  /** Would have been refused by a limit that is only tried out. */
  shadowRefused: number
  /** Permits taken beforehand, and those of them given back. */
  leased: number
  returned: number
}

/** One entry a limit, by its label. A limit that left the policy keeps its own: counters never go back. */
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
