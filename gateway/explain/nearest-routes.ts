import { nearest } from '../base/nearest.ts'
import type { Route } from '../policy/snapshot.ts'

const most = 3

/** A route as written in the policy. */
export interface ListedRoute {
  readonly id: string
  readonly service: string
  /** `null`: every host. */
  readonly host: string | null
  readonly path: string
  readonly methods: readonly string[]
}

export function listedRoute({ id, service, host, path, methods }: Route): ListedRoute {
  return { id, service: service.id, host: host ?? null, path, methods: [...methods] }
}

/** Routes whose leading path segments are most similar to those of `path`: at most 3, most similar first. */
export function routesNear(path: string, routes: readonly ListedRoute[]): ListedRoute[] {
  const asked = segmentsOf(path)
  return routes
    .map((route) => ({ route, likeness: likeness(asked, segmentsOf(route.path)) }))
    .filter(({ likeness }) => likeness > 0)
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, most)
    .map(({ route }) => route)
}

/** Routes of the most similar host, at most 3. When no host is similar, routes of all hosts. */
export function routesOfHostsNear(host: string, routes: readonly ListedRoute[]): ListedRoute[] {
  const meant = nearest(host, new Set(routes.flatMap((route) => route.host ?? [])))
  return routes.filter((route) => meant === undefined || route.host === meant).slice(0, most)
}

/**
 * Similarity of the leading segments: 4 points for an equal segment, 3 for a similar one, 2 for one under `*`. A
 * difference in the number of segments costs up to 1 point.
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
