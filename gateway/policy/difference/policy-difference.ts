import type { Effect } from './effect.ts'
import type { KeyDifference } from './route-effects.ts'

/**
 * Change of a route:
 *
 * - `added`, `removed`: only one of the policies has a route of this id.
 * - `public`: the route has become public.
 * - `wider`: the route may admit requests that it did not admit before, for example after a requirement was removed.
 * - `narrower`: the route may refuse requests that it admitted before, and admits no others.
 * - `changed`: neither `wider` nor `narrower` is proven; the route may admit requests that it did not admit before.
 * - `unreachable`: no request can be admitted any more.
 * - `settings`: the same requests are admitted, and other keys have changed.
 */
export type RouteChange = 'added' | 'removed' | 'public' | 'wider' | 'narrower' | 'changed' | 'unreachable' | 'settings'

/** Requests that match a route in the new policy, and another route or no route in the old policy. */
export interface HandOver {
  /** Id of the route that matched these requests in the old policy; `null` if none matched. */
  readonly from: string | null
  readonly effect: Effect
}

export interface RouteDifference {
  readonly route: string
  readonly service: string
  readonly change: RouteChange
  /** True when the route may now admit a request that no route admitted before. */
  readonly widens: boolean
  /** True when the route is public in the new policy, or was before its removal. */
  readonly public: boolean
  readonly keys: readonly KeyDifference[]
  readonly takes: readonly HandOver[]
  /** Ids of the routes that now match requests of this route; `null` stands for requests that no route matches now. */
  readonly loses: readonly (string | null)[]
}

/** Change of a named entry of the policy: a limit, a credential, an issuer or a service. */
export interface EntryDifference {
  /**
   * Path of the entry in the policy, such as `services.orders.limits[burst]`. Routes and limits are shown by name, not
   * by index.
   */
  readonly place: string
  readonly change: 'added' | 'removed' | 'wider' | 'narrower' | 'changed'
  readonly widens: boolean
  /**
   * Values of the changed entry with all defaults, as `gatehouse check --print` prints them; absent for an entry that
   * is added or removed.
   */
  readonly before?: unknown
  readonly after?: unknown
}

/**
 * The difference between two policies in their effect. Formatting, comments, the order of keys, and defaults that are
 * written out make no difference. File paths are compared as text.
 */
export interface PolicyDifference {
  /** True when both policies have the same effective content. All lists are then empty. */
  readonly equal: boolean
  /**
   * True when the new policy may admit a request or exceed a limit that the old policy did not, or has an additional
   * relaxation. False is certain; true can also mean that the comparison could not decide.
   */
  readonly widens: boolean
  readonly routes: readonly RouteDifference[]
  readonly limits: readonly EntryDifference[]
  readonly credentials: readonly EntryDifference[]
  readonly upstreams: readonly EntryDifference[]
  readonly issuers: readonly EntryDifference[]
  /** Changed keys of services that are in no other list. Their effect on requests is listed with the routes. */
  readonly services: readonly EntryDifference[]
  readonly relaxations: { readonly added: readonly string[]; readonly removed: readonly string[] }
}
