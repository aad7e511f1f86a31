import type { LimitRule } from '../base/limit-rule.ts'
import type { Bucket } from './bucket.ts'

/** Result of a request at the limit with the least room. */
export interface LimitStatus {
  readonly rule: LimitRule
  readonly allowed: boolean
  /** Room left, requests. For a leased limit this is the value of the last reply of Redis plus this node's permits. */
  readonly left: number
  /** When refused: time until there is room if no other request takes it, ms. 0 when admitted. */
  readonly waitMs: number
}

/** Result of a request at its limits. `undefined`: admitted, and no limit is low enough to report. */
export type LimitOutcome = LimitStatus | undefined

export function refusedStatus({ rule }: Bucket, waitMs: number, left = 0): LimitStatus {
  return { rule, allowed: false, left, waitMs }
}

export function admittedStatus({ rule }: Bucket, left: number): LimitStatus {
  return { rule, allowed: true, left, waitMs: 0 }
}

/** A leased limit reports its room once less than this fraction of the limit is left. */
const LOW = 0.1

export function admittedByLease(bucket: Bucket): LimitOutcome {
  const { left } = bucket.lease!
  return left < bucket.rule.requests * LOW ? admittedStatus(bucket, left) : undefined
}

/** Returns the admitted result with the smaller fraction of its limit left. */
export function tighter(a: LimitOutcome, b: LimitOutcome): LimitOutcome {
  if (a === undefined || b === undefined) return a ?? b
  return b.left / b.rule.requests < a.left / a.rule.requests ? b : a
}
