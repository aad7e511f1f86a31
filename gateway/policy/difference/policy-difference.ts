import type { Effect } from './effect.ts'
import type { KeyDifference } from './route-effects.ts'

/**
 * Change of a route:
 *
 * - `added`, `removed`: only one of the policies has a route of this id.
 * - `public`: the route has become public.
 * - `wider`: some requests may be admitted that were not before, for example with a requirement less.
 * - `narrower`: the route admits fewer requests, and none that was not admitted before.
 * - `changed`: neither is known; some requests may be admitted that were not before.
 * - `unreachable`: no request can be admitted any more.
 * - `settings`: the same requests are admitted, and other keys have changed.
 */
export type RouteChange = 'added' | 'removed' | 'public' | 'wider' | 'narrower' | 'changed' | 'unreachable' | 'settings'

/** Requests that reach a route of the new policy and another route, or none, by the old policy. */
export interface HandOver {
  /** Id of the other route; `null` for requests that matched no route. */
  readonly from: string | null
  readonly effect: Effect
}

export interface RouteDifference {
  readonly route: string
  readonly service: string
  readonly change: RouteChange
  /** Whether some request may be admitted by this route now that was not admitted before, by any route. */
  readonly widens: boolean
  /** Whether the route is public in the new policy, or was before its removal. */
  readonly public: boolean
  readonly keys: readonly KeyDifference[]
  readonly takes: readonly HandOver[]
  /** Ids of the routes that its requests reach now; `null` for requests that match no route now. */
  readonly loses: readonly (string | null)[]
}

/** Change of a named entry: a limit, a credential, an issuer or a service. */
export interface EntryDifference {
  /** Path of the entry in the policy, such as `services.orders.limits[burst]`. Routes and limits are named, not counted. */
  readonly place: string
  readonly change: 'added' | 'removed' | 'wider' | 'narrower' | 'changed'
  readonly widens: boolean
  /** Effective values as `gatehouse check --print` prints them; absent for an entry that is added or removed. */
  readonly before?: unknown
  readonly after?: unknown
}

/**
 * The semantic difference of two policies. Texts, comments, the order of keys and written defaults do not count. Paths of
 * files are compared as they are written.
 */
export interface PolicyDifference {
  /** Whether both policies have the same effective content. All lists are then empty. */
  readonly equal: boolean
  /**
   * Whether some request may be admitted, or may exceed a limit, that was not before, or the new policy has an additional
   * relaxation. False is a statement; true can mean that the comparison does not know.
   */
  readonly widens: boolean
  readonly routes: readonly RouteDifference[]
  readonly limits: readonly EntryDifference[]
  readonly credentials: readonly EntryDifference[]
  readonly upstreams: readonly EntryDifference[]
  readonly issuers: readonly EntryDifference[]
  /** Other keys of services. Their effect on requests is listed with the routes. */
  readonly services: readonly EntryDifference[]
  readonly relaxations: { readonly added: readonly string[]; readonly removed: readonly string[] }
}
