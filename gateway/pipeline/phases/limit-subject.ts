import type { LimitStatus } from '../../limits/limit-status.ts'
import type { Charged, Consumed } from '../exchange/exchange.ts'
import { waitingPhase } from '../exchange/phase.ts'
import { resumed } from '../exchange/resumed.ts'
import type { Verdict } from '../exchange/steps.ts'
import { bucketsOf } from '../rate-limits/limit-buckets.ts'
import { rateLimited, rateLimitOf } from '../rate-limits/rate-limit-fields.ts'

/**
 * Charges the request to all cluster-wide rate limits of its route. If one limit has no permit left, charges none of
 * them and denies 429. Shadow limits are charged separately, and the exchange does not wait for them.
 *
 * Synchronous while this node has permits of leased limits. Throws `store-unavailable` if Redis is unavailable and the
 * route's outage setting is `closed`.
 */
export const limitSubject = waitingPhase<Consumed, Charged>()({
  name: 'limit-subject',
  waits: 'for Redis, when this node holds no permit',
  denies: ['rate-limited'],
  throws: ['store-unavailable'],
  run(x) {
    const { limits } = x.route
    if (limits === undefined) return undefined
    const { limiter } = x.gate
    const { enforced, shadows } = bucketsOf(x, limits, limiter)
    for (let i = 0; i < shadows.length; i++) {
      const outcome = limiter.take(shadows[i]!, 'open')
      if (outcome instanceof Promise) outcome.then((late) => noteShadow(x, late), ignoreError)
      else noteShadow(x, outcome)
    }
    if (enforced.length === 0) return undefined
    const outcome = limiter.take(enforced, limits.onOutage)
    // Return at once for `undefined`: the request is admitted without a wait, the usual outcome of a leased limit.
    if (outcome === undefined) return undefined
    return outcome instanceof Promise ? resumed(x, outcome, (late) => conclude(x, late)) : conclude(x, outcome)
  },
})

function conclude(x: Consumed, status: LimitStatus | undefined): Verdict<'rate-limited', never> {
  if (status === undefined) return undefined
  if (status.allowed) {
    x.rateLimit = rateLimitOf(status)
    return undefined
  }
  x.limit = status.rule.label
  return rateLimited(status, x.route.limits!)
}

/** Ignores an error of a shadow limit, because a shadow limit must not end the exchange. */
function ignoreError(): void {}

function noteShadow(x: Consumed, status: LimitStatus | undefined): void {
  if (status?.allowed === false) x.shadowLimit = status.rule.label
}
