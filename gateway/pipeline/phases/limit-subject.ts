import type { LimitStatus } from '../../limits/limit-status.ts'
import type { Charged, Permitted } from '../exchange/exchange.ts'
import { waitingPhase } from '../exchange/phase.ts'
import { resumed } from '../exchange/resumed.ts'
import type { Verdict } from '../exchange/steps.ts'
import { bucketsOf } from '../rate-limits/limit-buckets.ts'
import { rateLimited, rateLimitOf } from '../rate-limits/rate-limit-fields.ts'

/**
 * Charges the request to its route's cluster-wide limits: all of them, or none if one has no room. Denies 429 if one
 * has no room. Shadow limits are charged separately, and the exchange does not wait for them.
 *
 * Synchronous while this node holds permits of leased limits. Throws `store-unavailable` if Redis is unavailable and
 * the route's outage setting is `closed`.
 */
export const limitSubject = waitingPhase<Permitted, Charged>()({
  name: 'limit-subject',
  waits: 'for Redis, when no permit is in hand',
  denies: ['rate-limited'],
  throws: ['store-unavailable'],
  run(x) {
    const { limits } = x.route
    if (limits === undefined) return undefined
    const { limiter } = x.gate
    const { enforced, shadows } = bucketsOf(x, limits, limiter)
    for (let i = 0; i < shadows.length; i++) {
      const outcome = limiter.take(shadows[i]!, 'open')
      if (outcome instanceof Promise) outcome.then((late) => noteShadow(x, late), unheard)
      else noteShadow(x, outcome)
    }
    if (enforced.length === 0) return undefined
    const outcome = limiter.take(enforced, limits.onOutage)
    // The usual case of a leased limit.
    if (outcome === undefined) return undefined
    return outcome instanceof Promise ? resumed(x, outcome, (late) => conclude(x, late)) : conclude(x, outcome)
  },
})

function conclude(x: Permitted, standing: LimitStatus | undefined): Verdict<'rate-limited', never> {
  if (standing === undefined) return undefined
  if (standing.allowed) {
    x.rateLimit = rateLimitOf(standing)
    return undefined
  }
  x.limit = standing.rule.label
  return rateLimited(standing, x.route.limits!)
}

/** Ignores an error of a shadow limit: it must not end the exchange. */
function unheard(): void {}

function noteShadow(x: Permitted, standing: LimitStatus | undefined): void {
  if (standing?.allowed === false) x.shadowLimit = standing.rule.label
}
