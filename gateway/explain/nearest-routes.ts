import { nearest } from '../base/nearest.ts'
import type { Route } from '../policy/snapshot.ts'

const most = 3

/** A route of the policy that is similar to the route that the sender meant. */
export interface ListedRoute {
  readonly id: string
  readonly service: string
  /** Host of the route; `null` when the route matches every host. */
  readonly host: string | null
  readonly path: string
  readonly methods: readonly string[]
}

export function listedRoute({ id, service, host, path, methods }: Route): ListedRoute {
  return { id, service: service.id, host: host ?? null, path, methods: [...methods] }
}

/**
 * Returns the routes whose leading path segments are most similar to those of `path`: at most 3, most similar first.
 */
export function routesNear(path: string, routes: readonly ListedRoute[]): ListedRoute[] {
  const asked = segmentsOf(path)
  return routes
    .map((route) => ({ route, likeness: likeness(asked, segmentsOf(route.path)) }))
    .filter(({ likeness }) => likeness > 0)
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, most)
    .map(({ route }) => route)
}

/**
 * Returns routes of the host that is most similar to `host`, at most 3. When no host is similar, returns routes of any
 * host.
 */
export function routesOfHostsNear(host: string, routes: readonly ListedRoute[]): ListedRoute[] {
  const meant = nearest(host, new Set(routes.flatMap((route) => route.host ?? [])))
  return routes.filter((route) => meant === undefined || route.host === meant).slice(0, most)
}

/**
 * Rates the similarity of a path and a pattern by their leading segments, in points. An equal segment gives 4 points, a
 * similar segment 3, and a segment that `*` matches 2. A difference in the number of segments costs up to 1 point.
 */
function likeness(asked: readonly string[], pattern: readonly string[]): number {
  let score = 0
  let i = 0
  for (; i < asked.length && i < pattern.length; i++) {
    const points = segmentLikeness(asked[i]!, pattern[i]!)
    if (points === 0) break
    score += points
  }
  return score === 0 ? 0 : score - Math.min(1, Math.abs(asked.length - pattern.length) / 8)
}

function segmentLikeness(asked: string, pattern: string): number {
  if (asked === pattern) return asked === '' ? 0 : 4
  if (pattern === '*') return 2
  return pattern !== '**' && nearest(asked, [pattern]) !== undefined ? 3 : 0
}

const segmentsOf = (path: string): string[] => path.slice(1).split('/')
