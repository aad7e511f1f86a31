import { exactTicks, type LimitRule, leasedTicks } from '../base/limit-rule.ts'

/**
 * Returns the length of one tick, the unit of time in which a rate limit window counts requests, µs. At least 10 µs.
 */
export function tickUs({ mode, requests, windowMs }: LimitRule): number {
  return Math.max(10, Math.floor((windowMs * 1000) / (mode === 'exact' ? exactTicks(requests) : leasedTicks)))
}

/** Returns the length of a rate limit window in ticks, rounded up. */
export function spanTicks(rule: LimitRule): number {
  return Math.ceil((rule.windowMs * 1000) / tickUs(rule))
}
