import type { LimitRule } from '../base/limit-rule.ts'
import type { Bucket } from './bucket.ts'

/** Result of a request at the limit that has the least room. */
export interface LimitStatus {
  readonly rule: LimitRule
  readonly allowed: boolean
  /**
   * Room left in the limit, number of requests. For a leased limit: the room in the last reply of Redis plus this
   * node's permits.
   */
  readonly left: number
  /**
   * For a refused request: time until the limit has room if no other request takes it, ms. 0 for an admitted request.
   */
  readonly waitMs: number
}

/**
 * Result of a request at all its limits. `undefined`: the request is admitted, and no limit is so nearly full that its
 * room is reported.
 */
export type LimitOutcome = LimitStatus | undefined

export function refusedStatus({ rule }: Bucket, waitMs: number, left = 0): LimitStatus {
  return { rule, allowed: false, left, waitMs }
}

export function admittedStatus({ rule }: Bucket, left: number): LimitStatus {
  return { rule, allowed: true, left, waitMs: 0 }
}

/** Fraction of a leased limit below which the remaining room is reported. */
const LOW = 0.1

export function admittedByLease(bucket: Bucket): LimitOutcome {
  const { left } = bucket.lease!
  return left < bucket.rule.requests * LOW ? admittedStatus(bucket, left) : undefined
}

/** Returns, of two results of an admitted request, the result with the smaller free fraction of its limit. */
export function tighter(a: LimitOutcome, b: LimitOutcome): LimitOutcome {
  if (a === undefined || b === undefined) return a ?? b
  return b.left / b.rule.requests < a.left / a.rule.requests ? b : a
}
