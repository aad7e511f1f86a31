/** What the windows of a limit are told apart by. Identities are pairs with their issuer. */
export type LimitPart =
  | 'subject'
  | 'client'
  | 'session'
  | 'address'
  | 'issuer'
  | 'route'
  | { readonly claim: readonly string[] }

/** A limit of the policy in compiled form: no interval of `windowMs` holds more than `requests` admissions. */
export interface LimitRule {
  /** As the policy and `RateLimit` have it. */
  readonly name: string
  /** In metrics, logs and the admin API: the name behind that of the route or service it belongs to. */
  readonly label: string
  /** Of its windows in Redis: another whenever they could not be read as those of before. */
  readonly key: string
  /** In the order of `limitParts`, each once. */
  readonly by: readonly LimitPart[]
  /** `exact`: Redis decides each request. `leased`: permits are taken beforehand and spent in the node. */
  readonly mode: 'exact' | 'leased'
  readonly requests: number
  readonly windowMs: number
  /** What one request takes, in requests. */
  readonly cost: number
  /** Counted and recorded, and never enforced. */
  readonly shadow: boolean
  /** `"name";q=100;w=60`, an item of `RateLimit-Policy`. */
  readonly policyItem: string
}

/** What a route does while Redis cannot be asked. */
export type LimitsOutage = 'local' | 'closed' | 'open'

/** The limits that count on one route. */
export interface RouteLimits {
  /** Those of the gate, of the service, of the route; each in the order of the policy. */
  readonly rules: readonly LimitRule[]
  /** Counted and recorded, and never enforced. */
  readonly shadows: readonly LimitRule[]
  /** Whose windows the token alone tells: they are looked up once a token. */
  readonly byTokenAlone: boolean
  readonly onOutage: LimitsOutage
  /** `RateLimit-Policy` of replies. */
  readonly policyField: string
}

export const limitParts = ['route', 'issuer', 'subject', 'client', 'session', 'address'] as const

/** Ticks of a window whose decisions Redis takes one by one. A small limit is as good as a log of single requests. */
export function exactTicks(requests: number): number {
  return requests <= 100 ? 10_000 : 100
}

/** Ticks of a window of which permits are leased. */
export const leasedTicks = 200
