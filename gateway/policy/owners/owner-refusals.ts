import { isDeepStrictEqual } from 'node:util'
import type { OwnerGrant } from '../../config/owner-settings.ts'
import { differenceOf } from '../difference/difference-of.ts'
import type { PolicyDifference, RouteDifference } from '../difference/policy-difference.ts'
import type { ComparedPolicy } from '../difference/policy-side.ts'
import type { ServiceEntry } from '../services/service-entry.ts'
import { isHostGranted, isPathGranted } from './granted-patterns.ts'
import { foreignClients } from './issuer-clients.ts'
import { fullScopeRemedy, grantRemedy, type OwnerRefusal } from './owner-refusal.ts'
import { isUsedAsBefore, referredSecrets } from './referred-secrets.ts'
import { type OwnedChange, serviceOf, upstreamRefusals } from './upstream-refusals.ts'

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
    const what = `the settings of this node have no policy.owners.${service}, so the service has no owner`
    const remedy = `add policy.owners.${service} to the settings of every node, or ${fullScopeRemedy}`
    return [{ place: `services.${service}`, what, remedy }]
  }
  const difference = differenceOf(before, after)
  const [old, now] = [serviceOf(before, service), serviceOf(after, service)]
  return [
    ...outsideService(before, after, service),
    ...effectsOnOthers(difference, before, after, service),
    ...relaxed(difference),
    ...outsideGrant(difference, after, service, grant),
    ...(now ? upstreamRefusals({ old, now, after, service, grant }) : []),
    ...(now ? ungrantedSecrets({ old, now, service, grant }) : []),
    ...(now ? ungrantedClients({ old, now, after, service }) : []),
  ]
}

/** Lists the changed entries of the policy that do not belong to this service. */
function outsideService(before: ComparedPolicy, after: ComparedPolicy, service: string): OwnerRefusal[] {
  const refusals: OwnerRefusal[] = []
  const refuse = (place: string) => {
    refusals.push({
      place,
      what: `changes outside services.${service}`,
      remedy: `undo the change, or ${fullScopeRemedy}`,
    })
  }
  const [old, now] = [before.document, after.document]
  for (const key of ['limits', 'on_outage'] as const) if (!isDeepStrictEqual(old[key], now[key])) refuse(key)
  for (const kind of ['issuers', 'services'] as const) {
    const [entries, changed] = [new Map(Object.entries(old[kind])), new Map(Object.entries(now[kind]))]
    for (const name of new Set([...entries.keys(), ...changed.keys()])) {
      if (kind === 'services' && name === service) continue
      if (!isDeepStrictEqual(entries.get(name), changed.get(name))) refuse(`${kind}.${name}`)
    }
  }
  return refusals
}

/** Lists the changes for requests that another service matched before the change. */
function effectsOnOthers(
  { routes }: PolicyDifference,
  before: ComparedPolicy,
  after: ComparedPolicy,
  service: string,
): OwnerRefusal[] {
  const refusals = routes.filter((route) => route.service !== service).flatMap((route) => effectsOn(route, service))
  if (before.snapshot.namesHosts !== after.snapshot.namesHosts) {
    const what = after.snapshot.namesHosts
      ? 'is the first service with a host: checks without a host would then be refused for every service'
      : 'is the last service with a host: checks without a host would then be decided for every service'
    refusals.push({ place: `services.${service}.routes`, what, remedy: fullScopeRemedy })
  }
  return refusals
}

function effectsOn({ route, service: other, loses, takes }: RouteDifference, service: string): OwnerRefusal[] {
  const routes = `services.${service}.routes`
  const remedy = `change the host, path or methods of the route, or ${fullScopeRemedy}`
  const whose = `route ${route} of service ${other}`
  const refusals = [
    ...loses.map((to) =>
      to === null
        ? { place: routes, what: `requests of ${whose} would match no route`, remedy }
        : { place: `${routes}[${to}].match`, what: `would match requests of ${whose}`, remedy },
    ),
    ...takes.map(({ from }) => {
      const requests = from === null ? 'that no route matched' : `of route ${from}`
      return { place: routes, what: `${whose} would match requests ${requests}`, remedy }
    }),
  ]
  if (refusals.length > 0) return refusals
  return [{ place: routes, what: `requests of ${whose} would be decided differently`, remedy }]
}

function relaxed({ relaxations: { added, removed } }: PolicyDifference): OwnerRefusal[] {
  const refusal = (relaxation: string, verb: string): OwnerRefusal => {
    const [place = '', value = ''] = relaxation.split(/: (.*)/s)
    return { place, what: `${verb} the relaxation ${value}`, remedy: fullScopeRemedy }
  }
  return [...added.map((each) => refusal(each, 'adds')), ...removed.map((each) => refusal(each, 'removes'))]
}

/** Lists the changed routes of the service whose hosts or paths are not granted to the owner by `policy.owners`. */
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
    const refusals: OwnerRefusal[] = []
    if (!isHostGranted(host, hosts)) {
      const what = `matches ${host === undefined ? 'every host' : `host ${host}`}, which is not granted`
      refusals.push({ place, what, remedy: grantRemedy(service, 'hosts', hosts) })
    }
    if (!isPathGranted(path, paths)) {
      const what = `matches ${path}, which is not within the granted paths`
      refusals.push({ place, what, remedy: grantRemedy(service, 'paths', paths) })
    }
    return refusals
  })
}

/**
 * Lists the secrets and files that are not granted to the owner of the service, unless the service used them for the
 * same purpose before.
 */
function ungrantedSecrets({ old, now, service, grant }: Omit<OwnedChange, 'after'>): OwnerRefusal[] {
  const before = old === undefined ? [] : referredSecrets(old)
  const granted = grant.secrets.flatMap((each) => Object.entries(each).map(([kind, value]) => `{ ${kind}: ${value} }`))
  return referredSecrets(now).flatMap((secret): OwnerRefusal[] => {
    const written = `{ ${secret.kind}: ${secret.value} }`
    const isGranted = grant.secrets.some(({ [secret.kind]: value }) => value === secret.value)
    if (isGranted || isUsedAsBefore(secret, before)) return []
    const place = `services.${service}.${secret.place}`
    return [{ place, what: `the secret ${written} is not granted`, remedy: grantRemedy(service, 'secrets', granted) }]
  })
}

/**
 * Lists the clients at issuers that another service uses too. The cluster shares the tokens of a client: the service
 * would get tokens of the other service without knowing the secret of the client.
 */
function ungrantedClients({ old, now, after, service }: Omit<OwnedChange, 'grant'>): OwnerRefusal[] {
  const others = Object.entries(after.document.services).filter(([id]) => id !== service)
  return foreignClients(old, now, new Map<string, ServiceEntry>(others)).map(({ place, client, issuer, other }) => ({
    place: `services.${service}.${place}`,
    what: `client ${client} at issuer ${issuer} is a client of service ${other}`,
    remedy: `use an OAuth client (client_id) that no other service uses, or ${fullScopeRemedy}`,
  }))
}
