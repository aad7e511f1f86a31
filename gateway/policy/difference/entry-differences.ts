import type { RouteLimitEntry } from '../services/limit-entry.ts'
import { type Effect, widens } from './effect.ts'
import { compareIssuers } from './issuer-effect.ts'
import { limitEffect } from './limit-effect.ts'
import type { EntryDifference } from './policy-difference.ts'
import { isSame, type PolicySide } from './policy-side.ts'

type Named<T> = ReadonlyMap<string, T>

/** Compares the rate limits of two policies: those of the policy, of each service and of each route. */
export function limitDifferences(before: PolicySide, after: PolicySide): EntryDifference[] {
  const [old, now] = [limitsOf(before), limitsOf(after)]
  const places = new Set([...old.keys(), ...now.keys()])
  return [...places].flatMap((place) => {
    const [was, is] = [old.get(place), now.get(place)]
    if (is === undefined) return [{ place, change: 'removed', widens: true, before: was!.printed }]
    if (was === undefined) return [{ place, change: 'added', widens: false, after: is.printed }]
    return changed(place, was.printed, is.printed, limitEffect(was.entry, is.entry))
  })
}

interface Limit {
  readonly entry: RouteLimitEntry
  readonly printed: unknown
}

function limitsOf({ document, limits, services }: PolicySide): Named<Limit> {
  const found = new Map<string, Limit>()
  const add = (place: string, entries: readonly RouteLimitEntry[], printed: unknown) => {
    for (const [i, entry] of entries.entries()) {
      found.set(`${place}limits[${entry.name}]`, { entry, printed: (printed as readonly unknown[])[i] })
    }
  }
  add('', document.limits, limits)
  for (const [id, service] of Object.entries(document.services)) {
    const printed = services[id]!
    add(`services.${id}.`, service.limits, printed['limits'])
    for (const [i, route] of service.routes.entries()) {
      const routes = printed['routes'] as readonly Readonly<Record<string, unknown>>[]
      add(`services.${id}.routes[${route.id}].`, route.limits, routes[i]!['limits'])
    }
  }
  return found
}

/**
 * Compares the credentials that services receive in two policies: of each service, and of each route with its own
 * credential.
 */
export function credentialDifferences(before: PolicySide, after: PolicySide): EntryDifference[] {
  const [old, now] = [credentialsOf(before), credentialsOf(after)]
  return compareValues(old, now, () => 'none')
}

function credentialsOf({ document, services }: PolicySide): Named<unknown> {
  const found = new Map<string, unknown>()
  for (const [id, { routes }] of Object.entries(document.services)) {
    const printed = services[id]!
    found.set(`services.${id}.credentials`, printed['credentials'])
    for (const [i, route] of routes.entries()) {
      if (route.credentials === undefined) continue
      const all = printed['routes'] as readonly Readonly<Record<string, unknown>>[]
      found.set(`services.${id}.routes[${route.id}].credentials`, all[i]!['credentials'])
    }
  }
  return found
}

/**
 * Keys of a service that the comparison of the services leaves out, because the policy difference shows each of them in
 * a list of its own.
 */
const apart = new Set(['routes', 'limits', 'credentials', 'upstreams'])

/** Compares the upstreams of the services in two policies. */
export function upstreamDifferences(before: PolicySide, after: PolicySide): EntryDifference[] {
  const upstreams = ({ services }: PolicySide) => keysOf(services, (key) => key === 'upstreams')
  return compareValues(upstreams(before), upstreams(after), () => 'none')
}

/**
 * Compares the keys of services that have no separate list in the difference. An added or removed service is one entry.
 */
export function serviceDifferences(before: PolicySide, after: PolicySide): EntryDifference[] {
  const others = ({ services }: PolicySide) => keysOf(services, (key) => !apart.has(key))
  const entries: EntryDifference[] = []
  for (const id of new Set([...Object.keys(before.services), ...Object.keys(after.services)])) {
    const place = `services.${id}`
    if (before.services[id] === undefined) entries.push({ place, change: 'added', widens: false })
    else if (after.services[id] === undefined) entries.push({ place, change: 'removed', widens: false })
  }
  const both = ({ place }: EntryDifference) => {
    const id = place.slice('services.'.length, place.lastIndexOf('.'))
    return before.services[id] !== undefined && after.services[id] !== undefined
  }
  return [...entries, ...compareValues(others(before), others(after), () => 'none').filter(both)]
}

function keysOf(services: PolicySide['services'], wanted: (key: string) => boolean): Named<unknown> {
  const found = new Map<string, unknown>()
  for (const [id, printed] of Object.entries(services)) {
    for (const [key, value] of Object.entries(printed)) if (wanted(key)) found.set(`services.${id}.${key}`, value)
  }
  return found
}

/** Compares the issuers of two policies by name. A new issuer alone admits no caller: a service must also accept it. */
export function issuerDifferences(before: PolicySide, after: PolicySide): EntryDifference[] {
  const named = ({ issuers }: PolicySide) =>
    new Map(Object.entries(issuers).map(([name, entry]) => [`issuers.${name}`, entry]))
  return compareValues(named(before), named(after), (place) => {
    const name = place.slice('issuers.'.length)
    return compareIssuers({ side: before, name }, { side: after, name }).effect
  })
}

function compareValues(
  before: Named<unknown>,
  after: Named<unknown>,
  effectOf: (place: string) => Effect,
): EntryDifference[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((place): EntryDifference[] => {
    const [was, is] = [before.get(place), after.get(place)]
    if (is === undefined) return [{ place, change: 'removed', widens: false, before: was }]
    if (was === undefined) return [{ place, change: 'added', widens: false, after: is }]
    return isSame(was, is) ? [] : changed(place, was, is, effectOf(place))
  })
}

function changed(place: string, before: unknown, after: unknown, effect: Effect): EntryDifference[] {
  if (isSame(before, after)) return []
  const change = effect === 'wider' || effect === 'narrower' ? effect : 'changed'
  return [{ place, change, widens: widens(effect), before, after }]
}
