import type { LimitRule } from '../base/limit-rule.ts'
import type { Lease } from './lease.ts'
import type { LimitCounts } from './limit-counts.ts'
import type { LocalWindow } from './local-window.ts'

/** Wakes a request that waits for permits. */
export interface LeaseWaiter {
  readonly sinceMs: number
  readonly resolve: (outcome: LeaseOutcome) => void
}

/** `cut-off`: Redis did not say in time. */
export type LeaseOutcome = 'taken' | 'full' | 'cut-off'

/** One window as this node knows it. */
export class Bucket {
  readonly rule: LimitRule
  /** Whose: the parts of `rule.by`. It stays in the node. */
  readonly identity: string
  /** In Redis; `''` without one. */
  readonly key: string
  readonly counts: LimitCounts
  /** Of a leased limit. */
  readonly lease: Lease | undefined
  readonly waiters: LeaseWaiter[] = []
  /** False once the node forgot it: look it up again. */
  live = true
  /** Monotonic, ms. */
  usedMs: number
  /** What was granted without Redis; `undefined` when that is long ago. */
  local: LocalWindow | undefined
  /** When Redis could last not be asked, monotonic ms. */
  outageMs = 0
  /** When Redis last said what the window has left, monotonic ms, and what: requests. */
  answeredMs = Number.NEGATIVE_INFINITY
  left = 0
  /** Granted without Redis since then. */
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
