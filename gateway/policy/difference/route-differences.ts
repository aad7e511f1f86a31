import type { Route } from '../snapshot.ts'
import { routeFormula } from './caller-effect.ts'
import { isContradiction } from './condition-formula.ts'
import { combined, type Effect, widens } from './effect.ts'
import { type MatchedRequests, matchedRequests } from './hand-overs.ts'
import type { HandOver, RouteChange, RouteDifference } from './policy-difference.ts'
import type { ComparedRoute, PolicySide } from './policy-side.ts'
import { handOverEffect, type KeyDifference, keyDifferences } from './route-effects.ts'

/** Compares the routes of two policies. Lists the routes of the new policy in their order, then the removed routes. */
export function routeDifferences(before: PolicySide, after: PolicySide): RouteDifference[] {
  const requests = matchedRequests(before.snapshot, after.snapshot)
  const losses = lossesOf(requests)
  const differences: RouteDifference[] = []
  for (const now of after.routes.values()) {
    const old = before.routesById.get(now.route.id)
    const taken = takenRequests(requests, before, now)
    const loses = losses.get(now.route.id) ?? []
    const difference = old === undefined ? addedRoute(now, taken) : changedRoute(old, now, taken, loses)
    if (difference !== undefined) differences.push(difference)
  }
  for (const { route } of before.routes.values()) {
    if (after.routesById.has(route.id)) continue
    const loses = losses.get(route.id) ?? []
    differences.push({ ...named(route), change: 'removed', widens: false, keys: [], takes: [], loses })
  }
  return differences
}

/** Requests that a route of the new policy matches, grouped by the route that matched them in the old policy. */
interface TakenRequests {
  /** True when the route with the same id in the old policy matched some of these requests. */
  readonly kept: boolean
  readonly takes: readonly HandOver[]
  /** `incomparable` when other routes may have decided some requests in ways that are not compared; else `none`. */
  readonly other: Effect
}

function takenRequests(requests: MatchedRequests | undefined, before: PolicySide, now: ComparedRoute): TakenRequests {
  if (requests === undefined) return { kept: true, takes: [], other: 'incomparable' }
  const sources = [...(requests.handOvers.get(now.route) ?? [])]
  const takes = sources.flatMap((source): HandOver[] => {
    if (source === undefined) return [{ from: null, effect: admitsNobody(now) ? 'none' : 'wider' }]
    if (source.id === now.route.id) return []
    return [{ from: source.id, effect: handOverEffect(before.routes.get(source)!, now) }]
  })
  const kept = sources.some((source) => source?.id === now.route.id)
  return { kept, takes, other: requests.preflights.has(now.route) ? 'incomparable' : 'none' }
}

function addedRoute(now: ComparedRoute, { takes, other }: TakenRequests): RouteDifference {
  const effect = combined([...takes.map((each) => each.effect), other])
  return { ...named(now.route), change: 'added', widens: widens(effect), keys: [], takes, loses: [] }
}

/** Compares a route with the route of the same id in the old policy. @returns `undefined` when they do not differ */
function changedRoute(
  old: ComparedRoute,
  now: ComparedRoute,
  { kept, takes, other }: TakenRequests,
  loses: RouteDifference['loses'],
): RouteDifference | undefined {
  const matches = takes.length + loses.length > 0
  const keys = keyDifferences(old, now).map((each): KeyDifference => {
    return each.key === 'match' ? { ...each, effect: matchEffect(takes, loses) } : each
  })
  if (keys.length === 0 && !matches && other === 'none' && old.route.service.id === now.route.service.id) {
    return undefined
  }
  const own = kept ? keys.map((each) => (each.key === 'match' ? 'none' : each.effect)) : []
  const effect = combined([...own, matchEffect(takes, loses), other])
  const change = changeOf(old, now, effect)
  return { ...named(now.route), change, widens: change !== 'unreachable' && widens(effect), keys, takes, loses }
}

function matchEffect(takes: readonly HandOver[], loses: readonly unknown[]): Effect {
  return combined([...takes.map((each) => each.effect), loses.length > 0 ? 'narrower' : 'none'])
}

function changeOf(old: ComparedRoute, now: ComparedRoute, effect: Effect): RouteChange {
  if (admitsNobody(now) && !admitsNobody(old)) return 'unreachable'
  if (old.route.requirement !== undefined && now.route.requirement === undefined) return 'public'
  if (effect === 'incomparable') return 'changed'
  return effect === 'none' ? 'settings' : effect
}

function admitsNobody(compared: ComparedRoute): boolean {
  const formula = routeFormula(compared)
  return formula !== undefined && isContradiction(formula)
}

/**
 * Returns, for each route of the old policy (by id), the other routes that match some of its requests in the new
 * policy.
 */
function lossesOf(requests: MatchedRequests | undefined): Map<string, (string | null)[]> {
  const losses = new Map<string, (string | null)[]>()
  for (const [now, sources] of requests?.handOvers ?? []) {
    for (const source of sources) {
      if (source === undefined || source.id === now?.id) continue
      const known = losses.get(source.id) ?? []
      losses.set(source.id, [...known, now?.id ?? null])
    }
  }
  return losses
}

function named({ id, service, requirement }: Route): Pick<RouteDifference, 'route' | 'service' | 'public'> {
  return { route: id, service: service.id, public: requirement === undefined }
}
