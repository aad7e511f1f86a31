import { forwardedMethods } from '../../base/methods.ts'
import { sampleTargets } from '../sample-targets.ts'
import type { Route, Snapshot } from '../snapshot.ts'
import { isSame } from './policy-side.ts'

/**
 * Which routes of the old policy matched the requests that a route of the new policy matches now. The key is the route
 * of the new policy. `undefined` as key or member stands for no matching route.
 */
export type HandOvers = ReadonlyMap<Route | undefined, ReadonlySet<Route | undefined>>

export interface MatchedRequests {
  readonly handOvers: HandOvers
  /**
   * Routes of the new policy for OPTIONS whose CORS preflights (Fetch §3.2.2) change hands: the gate answered them
   * itself and now forwards them, or the reverse.
   */
  readonly preflights: ReadonlySet<Route>
}

/**
 * Maximum number of sample requests in one comparison of policies. A usual policy needs far fewer; even 50 patterns
 * with several `*` under each of 100 hosts do. Only a policy that is written to exhaust the comparison reaches the
 * limit.
 */
const MAX_TARGETS = 200_000

/**
 * Finds the requests that match another route in the new policy than in the old one.
 *
 * @returns `undefined` for policies with too many combinations of patterns
 */
export function matchedRequests(before: Snapshot, after: Snapshot): MatchedRequests | undefined {
  const found = new Map<Route | undefined, Set<Route | undefined>>()
  const preflights = new Set<Route>()
  const handOver = (old: Route | undefined, now: Route | undefined) => {
    const sources = found.get(now) ?? new Set()
    found.set(now, sources.add(old))
  }
  if (isSame(matchesOf(before), matchesOf(after))) {
    const old = new Map(before.routes.map((route) => [route.id, route]))
    for (const now of after.routes) handOver(old.get(now.id), now)
    return { handOvers: found, preflights }
  }
  let targets = 0
  for (const { host, path } of sampleTargets([...before.routes, ...after.routes])) {
    if (targets++ === MAX_TARGETS) return undefined
    let preflightChanges = false
    for (const method of forwardedMethods) {
      const [old, now] = [matched(before, host, path, method), matched(after, host, path, method)]
      if (old !== undefined || now !== undefined) handOver(old, now)
      if ((old?.cors === undefined) !== (now?.cors === undefined)) preflightChanges = true
    }
    const options = matched(after, host, path, 'OPTIONS')
    if (preflightChanges && options !== undefined) preflights.add(options)
  }
  return { handOvers: found, preflights }
}

function matchesOf({ routes }: Snapshot): unknown {
  const all = routes.map(({ id, host, path, methods, fallThrough, cors }) => [
    id,
    host,
    path,
    [...methods].sort(),
    fallThrough,
    cors !== undefined,
  ])
  return all.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))
}

function matched(snapshot: Snapshot, host: string, path: string, method: string): Route | undefined {
  const route = snapshot.match(host, path, method)
  return 'reason' in route ? undefined : route
}
