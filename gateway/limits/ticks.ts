import { exactTicks, type LimitRule, leasedTicks } from '../base/limit-rule.ts'

/** Length of one tick, the time unit in which a window counts requests, µs. At least 10. */
export function tickUs({ mode, requests, windowMs }: LimitRule): number {
  return Math.max(10, Math.floor((windowMs * 1000) / (mode === 'exact' ? exactTicks(requests) : leasedTicks)))
}

/** Length of a window, ticks, rounded up. */
export function spanTicks(rule: LimitRule): number {
  return Math.ceil((rule.windowMs * 1000) / tickUs(rule))
}
