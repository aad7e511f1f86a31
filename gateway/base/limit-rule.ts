/**
 * Property of a request by which a rate limit separates its windows. Subjects, clients and sessions are identified
 * together with their issuer.
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
  /** Name of the rate limit in the policy and in the `RateLimit` field. */
  readonly name: string
  /**
   * Label in metrics, logs and the admin API: the limit's name, preceded by its owner, such as
   * `route/reports.read/writes`.
   */
  readonly label: string
  /**
   * Key of the limit's windows in Redis. The key changes whenever a change of the limit would make the existing windows
   * wrong.
   */
  readonly key: string
  /** Request properties by which the limit separates its windows, in the order of `limitParts`, without duplicates. */
  readonly by: readonly LimitPart[]
  /**
   * `exact`: Redis decides on each request. `leased`: the node obtains permits in advance and uses the permits without
   * a call to Redis.
   */
  readonly mode: 'exact' | 'leased'
  readonly requests: number
  readonly windowMs: number
  /** Number of permits that one request takes from the rate limit (`cost`). */
  readonly cost: number
  /** True when the rate limit is counted and recorded, but not enforced (shadow mode). */
  readonly shadow: boolean
  /** Item for the field `RateLimit-Policy`, for example `"name";q=100;w=60`. */
  readonly policyItem: string
}

/**
 * How the rate limits of a route work while Redis is unavailable (`on_outage.limits`): each node enforces a share of
 * each limit (`local`), replies 503 (`closed`) or admits the request (`open`).
 */
export type LimitsOutage = 'local' | 'closed' | 'open'

/** The rate limits that apply on one route. */
export interface RouteLimits {
  /**
   * Enforced rate limits: those of the gate, then of the service, then of the route, each group in the order of the
   * policy.
   */
  readonly rules: readonly LimitRule[]
  /** Rate limits in shadow mode: counted and recorded, but not enforced. */
  readonly shadows: readonly LimitRule[]
  /** True when the token alone determines the windows. The windows are then looked up once per token. */
  readonly byTokenAlone: boolean
  readonly onOutage: LimitsOutage
  /** Value of the field `RateLimit-Policy` in the replies of the route. */
  readonly policyField: string
}

export const limitParts = ['route', 'issuer', 'subject', 'client', 'session', 'address'] as const

/**
 * Number of ticks (time steps) per window of an exact limit. A limit of at most 100 requests has more ticks, so that
 * its count is nearly as exact as a log of single requests.
 */
export function exactTicks(requests: number): number {
  return requests <= 100 ? 10_000 : 100
}

/** Number of ticks (time steps) per window of a leased limit. */
export const leasedTicks = 200
