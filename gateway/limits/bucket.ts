import type { LimitRule } from '../base/limit-rule.ts'
import type { Lease } from './lease.ts'
import type { LimitCounts } from './limit-counts.ts'
import type { LocalWindow } from './local-window.ts'

/** A request that waits for permits. */
export interface LeaseWaiter {
  readonly sinceMs: number
  readonly resolve: (outcome: LeaseOutcome) => void
}

/** `cut-off`: Redis did not reply in time, so the lease cannot decide. */
export type LeaseOutcome = 'taken' | 'full' | 'cut-off'

/** State of one rate limit window in this node. */
export class Bucket {
  readonly rule: LimitRule
  /** Identity that the window counts, from the parts of `rule.by`. Never sent to Redis unhashed. */
  readonly identity: string
  /** Redis key; `''` when the node runs without Redis. */
  readonly key: string
  readonly counts: LimitCounts
  /** Lease of a limit in mode `leased`, else `undefined`. */
  readonly lease: Lease | undefined
  readonly waiters: LeaseWaiter[] = []
  /** False after the node dropped this bucket; the caller must then look it up again. */
  live = true
  /** Last use, monotonic, ms. */
  usedMs: number
  /** Requests admitted without Redis; `undefined` when none are within the window. */
  local: LocalWindow | undefined
  /** When Redis was last unavailable for this window, monotonic, ms. */
  outageMs = 0
  /** When Redis last returned the room left in the window, monotonic, ms. */
  answeredMs = Number.NEGATIVE_INFINITY
  /** Room left in the window at `answeredMs`, requests. */
  left = 0
  /** Admitted without Redis since `answeredMs`, requests. */
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
