import type { LimitRule, RouteLimits } from '../../base/limit-rule.ts'
import type { RouteLimitEntry } from '../services/limit-entry.ts'
import { combined, type Effect, moreAdmits } from './effect.ts'
import { isSame } from './policy-side.ts'

/**
 * Compares the rate limits of two routes, for requests that matched the first route in the old policy and match the
 * second route in the new policy.
 */
export function limitsEffect(before: RouteLimits | undefined, after: RouteLimits | undefined): Effect {
  const [old, now] = [before?.rules ?? [], after?.rules ?? []]
  const unbounded = old.filter((rule) => !now.some((other) => isAsTight(other, rule)))
  const bounded = now.filter((rule) => !old.some((other) => isAsTight(other, rule)))
  return combined([unbounded.length > 0 ? 'wider' : 'none', bounded.length > 0 ? 'narrower' : 'none'])
}

/**
 * Whether a rate limit is at least as strict as another limit. False if the two have different keys: only the same
 * limit on two routes counts in the same windows.
 */
function isAsTight(rule: LimitRule, than: LimitRule): boolean {
  return rule.key === than.key && rule.requests <= than.requests && rule.cost >= than.cost
}

/** Returns the effect of changing one entry under `limits`, on the number of requests that the limit admits. */
export function limitEffect(before: RouteLimitEntry, after: RouteLimitEntry): Effect {
  const rest = ({ name, by, burst }: RouteLimitEntry) => [name, by, burst]
  const count = ({ requests, messages }: RouteLimitEntry) => requests ?? messages!
  if (!isSame(rest(before), rest(after))) return 'incomparable'
  if ((before.requests === undefined) !== (after.requests === undefined)) return 'incomparable'
  return combined([
    moreAdmits(count(before), count(after)),
    moreAdmits(after.window, before.window),
    moreAdmits(after.cost, before.cost),
    moreAdmits(Number(before.shadow), Number(after.shadow)),
  ])
}
