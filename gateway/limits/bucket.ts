import type { LimitRule } from '../base/limit-rule.ts'
import type { Lease } from './lease.ts'
import type { LimitCounts } from './limit-counts.ts'
import type { LocalWindow } from './local-window.ts'

/** A request that waits for permits of a rate limit window. */
export interface LeaseWaiter {
  readonly sinceMs: number
  readonly resolve: (outcome: LeaseOutcome) => void
}

/**
 * Result of a request for permits of one rate limit window. `taken`: the permits were taken. `full`: the window has no
 * room. `cut-off`: Redis did not reply in time, so the lease cannot decide.
 */
export type LeaseOutcome = 'taken' | 'full' | 'cut-off'

/** State of one rate limit window in the memory of this node. */
export class Bucket {
  readonly rule: LimitRule
  /** Identity whose requests the window counts, built from the parts of `rule.by`. Its key in Redis has a hash of it. */
  readonly identity: string
  /** Redis key of the rate limit window; `''` when the node runs without Redis. */
  readonly key: string
  readonly counts: LimitCounts
  /** Permits that this node has leased, for a limit in mode `leased`; else `undefined`. */
  readonly lease: Lease | undefined
  /**
   * Requests that wait for permits of the window.
   *
   * @bound 16,384 requests for each window | the request is refused, or for a larger limit `on_outage.limits` decides | gatehouse_limit_requests_total
   */
  readonly waiters: LeaseWaiter[] = []
  /** False after the node dropped this bucket. The caller must then get a new bucket from the table. */
  live = true
  /** Time of the last request at this rate limit window; monotonic, ms. */
  usedMs: number
  /** Requests that this node admitted without Redis; `undefined` when the window has none. */
  local: LocalWindow | undefined
  /** Time of the last request that this node's share of the limit decided during an outage of Redis; monotonic, ms. */
  outageMs = 0
  /** Time at which Redis last returned the room in the rate limit window; monotonic, ms. */
  answeredMs = Number.NEGATIVE_INFINITY
  /** Room in the rate limit window at `answeredMs`, number of requests. */
  left = 0
  /** Number of requests that this node has admitted without Redis since `answeredMs`. */
  alone = 0

  constructor(parts: Pick<Bucket, 'rule' | 'identity' | 'key' | 'counts' | 'lease' | 'usedMs'>) {
    this.rule = parts.rule
    this.identity = parts.identity
    this.key = parts.key
    this.counts = parts.counts
    this.lease = parts.lease
    this.usedMs = parts.usedMs
  }

  answered(left: number, nowMs: number): void {
    this.answeredMs = nowMs
    this.left = left
    this.alone = 0
  }
}
