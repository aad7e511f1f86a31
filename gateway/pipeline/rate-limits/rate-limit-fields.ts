import { type Denial, denial, type HeaderField } from '../../base/denial.ts'
import type { LimitRule, RouteLimits } from '../../base/limit-rule.ts'
import type { LimitStatus } from '../../limits/limit-status.ts'

const refusals = new WeakMap<LimitRule, Denial<'rate-limited'>>()

/** Denial 429 with the time to wait, s, and the limit that has no permits left. */
export function rateLimited({ rule, left, waitMs }: LimitStatus, limits: RouteLimits): Denial<'rate-limited'> {
  const waitS = Math.max(1, Math.ceil(waitMs / 1000))
  const fields: HeaderField[] = [
    ['retry-after', String(waitS)],
    ['ratelimit', `"${rule.name}";r=${left};t=${waitS}`],
    ['ratelimit-policy', limits.policyField],
  ]
  return { ...refusalOf(rule), fields }
}

/**
 * `RateLimit` value of an admitted response, for the limit with the fewest permits left
 * (draft-ietf-httpapi-ratelimit-headers §4).
 */
export function rateLimitOf({ rule, left }: LimitStatus): string {
  return `"${rule.name}";r=${left}`
}

/**
 * Denial whose problem document names the exceeded limit, like the problem type `quota-exceeded` of
 * draft-ietf-httpapi-ratelimit-headers §5.1.
 */
function refusalOf(rule: LimitRule): Denial<'rate-limited'> {
  let refusal = refusals.get(rule)
  if (refusal === undefined) {
    refusal = denial('rate-limited', { members: { 'violated-policies': [rule.name] } })
    refusals.set(rule, refusal)
  }
  return refusal
}
