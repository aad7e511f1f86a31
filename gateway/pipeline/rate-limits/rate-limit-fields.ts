import { type Denial, denial, type HeaderField } from '../../base/denial.ts'
import { formatDuration } from '../../base/duration.ts'
import type { LimitRule, RouteLimits } from '../../base/limit-rule.ts'
import type { LimitStatus } from '../../limits/limit-status.ts'

/** Denial (429) of a rate limit without the time to wait, which differs from reply to reply. */
interface LimitRefusal {
  readonly denial: Denial<'rate-limited'>
  /** Member `detail` of the 429 problem document up to the time to wait. */
  readonly detail: string
  /** Text of the 429 problem document before and after the time to wait. */
  readonly problem: readonly [before: string, after: string]
}

/** Mark in the text of a 429 problem document in place of the time to wait. No name of a limit contains it. */
const WAIT = '{wait}'

const refusals = new WeakMap<LimitRule, LimitRefusal>()

/** Returns the denial 429 with the time to wait, s, and the limit that has no permits left. */
export function rateLimited({ rule, left, waitMs }: LimitStatus, limits: RouteLimits): Denial<'rate-limited'> {
  const waitS = Math.max(1, Math.ceil(waitMs / 1000))
  const fields: HeaderField[] = [
    ['retry-after', String(waitS)],
    ['ratelimit', `"${rule.name}";r=${left};t=${waitS}`],
    ['ratelimit-policy', limits.policyField],
  ]
  const { denial: denied, detail, problem } = refusalOf(rule)
  return {
    ...denied,
    fields,
    detail: `${detail}${waitS} s`,
    problem: `${problem[0]}${waitS} s${problem[1]}`,
  }
}

/**
 * Returns the `RateLimit` field value of an admitted response, for the limit with the fewest permits left
 * (draft-ietf-httpapi-ratelimit-headers §4).
 */
export function rateLimitOf({ rule, left }: LimitStatus): string {
  return `"${rule.name}";r=${left}`
}

/**
 * Creates the denial whose problem document names the exceeded limit, like the problem type `quota-exceeded` of
 * draft-ietf-httpapi-ratelimit-headers §5.1.
 */
function refusalOf(rule: LimitRule): LimitRefusal {
  let refusal = refusals.get(rule)
  if (refusal === undefined) {
    const { name, requests, windowMs } = rule
    const unit = requests === 1 ? 'request' : 'requests'
    const detail = `the limit ${name} allows ${requests} ${unit} in ${formatDuration(windowMs)}; try again in `
    const members = { 'violated-policies': [name] }
    const denied = denial('rate-limited', { detail: detail + WAIT, members })
    const [before, after] = denied.problem.split(WAIT)
    refusal = { denial: denied, detail, problem: [before!, after!] }
    refusals.set(rule, refusal)
  }
  return refusal
}
