/**
 * Property of a request by which a limit separates its windows. Subjects, clients and sessions are identified together
 * with their issuer.
 */
export type LimitPart =
  | 'subject'
  | 'client'
  | 'session'
  | 'address'
  | 'issuer'
  | 'route'
  | { readonly claim: readonly string[] }

/** A compiled limit of the policy: no interval of `windowMs` contains more than `requests` admissions. */
export interface LimitRule {
  /** Name in the policy and in the `RateLimit` field. */
  readonly name: string
  /** Label in metrics, logs and the admin API: the limit's name behind that of its route or service. */
  readonly label: string
  /** Key of the limit's windows in Redis. It changes whenever existing windows would be misread. */
  readonly key: string
  /** In the order of `limitParts`, without duplicates. */
  readonly by: readonly LimitPart[]
  /** `exact`: Redis decides on each request. `leased`: the node obtains permits in advance and spends them locally. */
  readonly mode: 'exact' | 'leased'
  readonly requests: number
  readonly windowMs: number
  /** Requests that one request counts as. */
  readonly cost: number
  /** True when the limit is counted and recorded, but not enforced. */
  readonly shadow: boolean
  /** `"name";q=100;w=60`, an item of `RateLimit-Policy`. */
  readonly policyItem: string
}

/** Behaviour of a route while Redis is unavailable. */
export type LimitsOutage = 'local' | 'closed' | 'open'

/** The limits that apply on one route. */
export interface RouteLimits {
  /** Enforced limits of the gate, the service and the route, each in the order of the policy. */
  readonly rules: readonly LimitRule[]
  /** Limits that are counted and recorded, but not enforced. */
  readonly shadows: readonly LimitRule[]
  /** True when the token alone determines the windows. They are then looked up once per token. */
  readonly byTokenAlone: boolean
  readonly onOutage: LimitsOutage
  /** Value of `RateLimit-Policy` in replies. */
  readonly policyField: string
}

export const limitParts = ['route', 'issuer', 'subject', 'client', 'session', 'address'] as const

/**
 * Ticks per window of an exact limit. Up to 100 requests, the count is as exact as with a log of single requests.
 */
export function exactTicks(requests: number): number {
  return requests <= 100 ? 10_000 : 100
}

/** Ticks per window of a leased limit. */
export const leasedTicks = 200
