import { isDeepStrictEqual } from 'node:util'
import type { OwnerGrant } from '../../config/owner-settings.ts'
import { differenceOf } from '../difference/difference-of.ts'
import type { PolicyDifference, RouteDifference } from '../difference/policy-difference.ts'
import type { ComparedPolicy } from '../difference/policy-side.ts'
import type { ServiceEntry } from '../services/service-entry.ts'
import { isHostGranted, isPathGranted } from './granted-patterns.ts'
import { isUsedAsBefore, referredSecrets } from './referred-secrets.ts'

/** A part of a change that the owner of a service is not allowed to make. */
export interface OwnerRefusal {
  /** Place in the policy, such as `services.orders.upstreams`. */
  readonly place: string
  readonly what: string
  readonly remedy: string
}

const fullScope = 'let a caller with the scope gatehouse:policy make this change'

/**
 * Lists what a change of the policy does beyond the rights of the owner of a service. An empty list allows the change:
 * it then changes this service alone, and no request that another service matched is decided differently.
 *
 * @param service  id of the service whose owner makes the change
 * @param grant  entry of the service under `policy.owners`; `undefined` for none
 */
export function ownerRefusals(
  before: ComparedPolicy,
  after: ComparedPolicy,
  service: string,
  grant: OwnerGrant | undefined,
): OwnerRefusal[] {
  if (grant === undefined) {
    const remedy = `add ${service} to policy.owners in the settings, or ${fullScope}`
    return [{ place: `services.${service}`, what: 'the settings name no owner of this service', remedy }]
  }
  const difference = differenceOf(before, after)
  return [
    ...outsideService(before, after, service),
    ...effectsOnOthers(difference, before, after, service),
    ...relaxed(difference),
    ...outsideGrant(difference, after, service, grant),
    ...(after.document.services[service] ? ungranted(before, after, service, grant) : []),
  ]
}

/** Entries of the policy outside the service that differ. */
function outsideService(before: ComparedPolicy, after: ComparedPolicy, service: string): OwnerRefusal[] {
  const refusals: OwnerRefusal[] = []
  const refuse = (place: string) => {
    refusals.push({ place, what: `changes outside services.${service}`, remedy: `undo the change, or ${fullScope}` })
  }
  const [old, now] = [before.document, after.document]
  if (!isDeepStrictEqual(old.limits, now.limits)) refuse('limits')
  for (const kind of ['issuers', 'services'] as const) {
    for (const name of new Set([...Object.keys(old[kind]), ...Object.keys(now[kind])])) {
      if (kind === 'services' && name === service) continue
      if (!isDeepStrictEqual(old[kind][name], now[kind][name])) refuse(`${kind}.${name}`)
    }
  }
  return refusals
}

/** Requests that another service matched before and that are decided differently now. */
function effectsOnOthers(
  { routes }: PolicyDifference,
  before: ComparedPolicy,
  after: ComparedPolicy,
  service: string,
): OwnerRefusal[] {
  const refusals = routes.filter((route) => route.service !== service).map((route) => effectOn(route, service))
  if (before.snapshot.namesHosts !== after.snapshot.namesHosts) {
    const what = after.snapshot.namesHosts
      ? 'is the first service with a host: checks without a host would then be refused for every service'
      : 'is the last service with a host: checks without a host would then be decided for every service'
    refusals.push({ place: `services.${service}.routes`, what, remedy: fullScope })
  }
  return refusals
}

function effectOn({ route, service: other, loses, takes }: RouteDifference, service: string): OwnerRefusal {
  const place = `services.${service}.routes`
  const remedy = `change the host or path of the route, or ${fullScope}`
  const [to, from] = [loses[0], takes[0]]
  if (to !== undefined) {
    const by = to === null ? 'no route would match' : `route ${to} (service ${service}) would match`
    return { place, what: `${by} requests of route ${route} (service ${other})`, remedy }
  }
  if (from !== undefined) {
    const of = from.from === null ? 'that no route matched' : `of route ${from.from}`
    return { place, what: `route ${route} (service ${other}) would match requests ${of}`, remedy }
  }
  return { place, what: `requests of route ${route} (service ${other}) would be decided differently`, remedy }
}

function relaxed({ relaxations: { added, removed } }: PolicyDifference): OwnerRefusal[] {
  const refusal = (relaxation: string, what: string): OwnerRefusal => ({ place: relaxation, what, remedy: fullScope })
  return [
    ...added.map((each) => refusal(each, 'is a new relaxation')),
    ...removed.map((each) => refusal(each, 'is a relaxation, and the change removes it')),
  ]
}

/** Routes of the service that differ and match hosts or paths that are not granted. */
function outsideGrant(
  { routes }: PolicyDifference,
  { snapshot }: ComparedPolicy,
  service: string,
  { hosts, paths }: OwnerGrant,
): OwnerRefusal[] {
  const changed = new Set(routes.map(({ route }) => route))
  return snapshot.routes.flatMap(({ id, host, path, service: own }): OwnerRefusal[] => {
    if (own.id !== service || !changed.has(id)) return []
    const place = `services.${service}.routes[${id}].match`
    const remedy = (key: string) =>
      `use one of ${(key === 'hosts' ? hosts : paths).join(', ')}, or add it to policy.owners.${service}.${key}`
    const refusals: OwnerRefusal[] = []
    if (!isHostGranted(host, hosts)) {
      const what =
        host === undefined ? 'matches every host, which is not granted' : `matches host ${host}, which is not granted`
      refusals.push({ place, what, remedy: remedy('hosts') })
    }
    if (!isPathGranted(path, paths)) {
      refusals.push({ place, what: `matches ${path}, which is not within the granted paths`, remedy: remedy('paths') })
    }
    return refusals
  })
}

/** Upstreams and secrets of the service that are new and not granted. */
function ungranted(before: ComparedPolicy, after: ComparedPolicy, service: string, grant: OwnerGrant): OwnerRefusal[] {
  const [old, now] = [before.document.services[service], after.document.services[service]!]
  const place = `services.${service}`
  const known = new Set([...(old?.upstreams ?? []), ...grant.upstreams].map(({ origin }) => origin))
  const upstreams = now.upstreams.filter(({ origin }) => !known.has(origin))
  return [
    ...upstreams.map(({ origin }) => ({
      place: `${place}.upstreams`,
      what: `upstream ${origin} is not granted`,
      remedy: `add it to policy.owners.${service}.upstreams`,
    })),
    ...ungrantedSecrets(old, now, grant).map(({ place: at, kind, value }) => ({
      place: `${place}.${at}`,
      what: `the secret { ${kind}: ${value} } is not granted`,
      remedy: `add it to policy.owners.${service}.secrets`,
    })),
  ]
}

function ungrantedSecrets(old: ServiceEntry | undefined, now: ServiceEntry, { secrets }: OwnerGrant) {
  const before = old === undefined ? [] : referredSecrets(old)
  return referredSecrets(now).filter((secret) => {
    return !secrets.some(({ [secret.kind]: value }) => value === secret.value) && !isUsedAsBefore(secret, before)
  })
}
