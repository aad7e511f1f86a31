import { exactTicks, type LimitRule, leasedTicks } from '../base/limit-rule.ts'

/** Of what a window is counted by. */
export function tickUs({ mode, requests, windowMs }: LimitRule): number {
  return Math.max(10, Math.floor((windowMs * 1000) / (mode === 'exact' ? exactTicks(requests) : leasedTicks)))
}

export function spanTicks(rule: LimitRule): number {
  return Math.ceil((rule.windowMs * 1000) / tickUs(rule))
}
