/**
 * Counters of one limit in this node since the start of the process. `leased` and `returned` count permits, all other
 * members count requests.
 */
export interface LimitCounts {
  readonly limit: string
  admitted: number
  refused: number
  /** Number of requests that the limit decided without Redis, admitted or refused. */
  outage: number
  /** Number of requests that a shadow limit would have refused. A shadow limit is counted but not enforced. */
  shadowRefused: number
  /** Number of permits that the node leased in advance. */
  leased: number
  /** Number of leased permits that the node returned unspent. */
  returned: number
}

/** Creates the counters of a limit with this label. */
export function newLimitCounts(limit: string): LimitCounts {
  return { limit, admitted: 0, refused: 0, outage: 0, shadowRefused: 0, leased: 0, returned: 0 }
}
