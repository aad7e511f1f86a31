import type { LimitRule, RouteLimits } from '../../base/limit-rule.ts'
import type { Bucket } from '../../limits/bucket.ts'
import { identityOf, type LimitSubject } from '../../limits/identity.ts'
import type { Limiter } from '../../limits/limiter.ts'
import { claimAt } from '../../policy/claim-at.ts'
import type { Route } from '../../policy/snapshot.ts'
import type { Exchange, Permitted } from '../exchange/exchange.ts'

/** Rate-limit buckets of one route for one subject. A bucket is the state of one limit window on this node. */
export interface SubjectBuckets {
  readonly limits: RouteLimits
  /** State of one window (bucket) for each entry of `limits.rules`, in the same order. */
  readonly enforced: readonly Bucket[]
  readonly shadows: readonly (readonly [Bucket])[]
}

/**
 * Maximum number of routes whose rate-limit buckets are cached with a token's facts. Buckets of further routes replace
 * the oldest ones.
 */
const maxKept = 8

/**
 * Finds the rate-limit buckets of a request. The buckets are cached per token and route when the token alone determines
 * them. Otherwise the buckets are looked up for each request.
 */
export function bucketsOf(x: Permitted, limits: RouteLimits, limiter: Limiter): SubjectBuckets {
  const kept = limits.byTokenAlone ? x.derived?.limited : undefined
  if (kept === undefined) return lookUp(x, limits, limiter)
  for (let i = kept.length - 1; i >= 0; i--) {
    const known = kept[i] as SubjectBuckets
    if (known.limits !== limits) continue
    if (isLive(known)) return known
    kept.splice(i, 1)
  }
  const found = lookUp(x, limits, limiter)
  if (kept.length === maxKept) kept.shift()
  kept.push(found)
  return found
}

function isLive({ enforced, shadows }: SubjectBuckets): boolean {
  for (let i = 0; i < enforced.length; i++) if (!enforced[i]!.live) return false
  for (let i = 0; i < shadows.length; i++) if (!shadows[i]![0].live) return false
  return true
}

/** Returns the properties of the request (route, caller and address) by which the route's rate limits count. */
export function limitSubjectOf({ facts, address }: Pick<Exchange, 'facts' | 'address'>, route: Route): LimitSubject {
  return {
    route: route.id,
    issuer: facts?.issuer.issuer,
    subject: facts?.subject,
    client: facts?.client,
    session: facts?.sessionId,
    address,
    claim: (path) => (facts === undefined ? undefined : claimAt(facts.claims, path)),
  }
}

function lookUp(x: Permitted, limits: RouteLimits, limiter: Limiter): SubjectBuckets {
  const who = limitSubjectOf(x, x.route)
  const bucket = (rule: LimitRule) => limiter.bucket(rule, identityOf(rule.by, who))
  return { limits, enforced: limits.rules.map(bucket), shadows: limits.shadows.map((rule) => [bucket(rule)] as const) }
}
