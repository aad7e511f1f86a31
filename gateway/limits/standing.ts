import type { LimitRule } from '../base/limit-rule.ts'
import type { Bucket } from './bucket.ts'

/** How a request stands with the limit that has the least room. */
export interface Standing {
  readonly rule: LimitRule
  readonly allowed: boolean
  /** Requests. For a leased limit as it was when Redis was last asked. */
  readonly left: number
  /** When refused: until there is room, if nobody else takes it, ms. */
  readonly waitMs: number
}

/** `undefined`: admitted, with nothing worth telling. */
export type Outcome = Standing | undefined

export function refused({ rule }: Bucket, waitMs: number, left = 0): Standing {
  return { rule, allowed: false, left, waitMs }
}

export function admitted({ rule }: Bucket, left: number): Standing {
  return { rule, allowed: true, left, waitMs: 0 }
}

/** A leased limit tells how it stands once less than this part of it is left. */
const LOW = 0.1

export function admittedByLease(bucket: Bucket): Outcome {
  const { left } = bucket.lease!
  return left < bucket.rule.requests * LOW ? admitted(bucket, left) : undefined
}

/** Of two that were admitted: the one that will refuse first, by the part that is left. */
export function tighter(a: Outcome, b: Outcome): Outcome {
  if (a === undefined || b === undefined) return a ?? b
  return b.left / b.rule.requests < a.left / a.rule.requests ? b : a
}
