import { isDeepStrictEqual } from 'node:util'
import type { OwnerGrant } from '../../config/owner-settings.ts'
import type { ComparedPolicy } from '../difference/policy-side.ts'
import type { ServiceEntry } from '../services/service-entry.ts'
import { fullScopeRemedy, grantRemedy, type OwnerRefusal } from './owner-refusal.ts'

/** A change of a service that its owner makes. */
export interface OwnedChange {
  /** The entry of the service before the change; `undefined` for a new service. */
  readonly old: ServiceEntry | undefined
  readonly now: ServiceEntry
  /** The whole policy after the change. */
  readonly after: ComparedPolicy
  readonly service: string
  readonly grant: OwnerGrant
}

/**
 * Returns the service with this id; `undefined` if the policy has none. Own properties only: an id can be the name of a
 * property that every object inherits.
 */
export function serviceOf({ document: { services } }: ComparedPolicy, id: string): ServiceEntry | undefined {
  return Object.hasOwn(services, id) ? services[id] : undefined
}

/** Lists the parts of a change that could send requests to another server, or to paths of another service. */
export function upstreamRefusals(change: OwnedChange): OwnerRefusal[] {
  return [...ungrantedUpstreams(change), ...ungrantedName(change), ...sharedRewrites(change), ...sharedChecks(change)]
}

function ungrantedUpstreams({ old, now, service, grant }: OwnedChange): OwnerRefusal[] {
  const granted = grant.upstreams.map(({ origin }) => origin)
  const known = new Set([...urlsOf(old).map(({ origin }) => origin), ...granted])
  return urlsOf(now)
    .filter(({ origin }) => !known.has(origin))
    .map(({ origin }) => ({
      place: `services.${service}.upstreams`,
      what: `upstream ${origin} is not granted`,
      remedy: grantRemedy(service, 'upstreams', granted),
    }))
}

/** Refuses a server name (SNI) that is not granted, because a load balancer may choose the server by this name. */
function ungrantedName({ old, now, service, grant }: OwnedChange): OwnerRefusal[] {
  const name = now.upstream_tls?.server_name
  if (name === undefined || name === old?.upstream_tls?.server_name) return []
  if ([...urlsOf(old), ...grant.upstreams].some(({ hostname }) => hostname === name)) return []
  return [
    {
      place: `services.${service}.upstream_tls.server_name`,
      what: `server name ${name} is not the host of a granted upstream`,
      remedy: `remove it, or ${fullScopeRemedy}`,
    },
  ]
}

/**
 * Refuses a rewrite if another service has the same upstream. An unchanged rewrite is refused only if the change of the
 * service adds the shared upstream. Without a rewrite, the upstream receives only granted paths; with a rewrite, it can
 * receive any path.
 */
function sharedRewrites({ old, now, after, service }: OwnedChange): OwnerRefusal[] {
  const { sharing, isMoved } = sharedUpstreams(old, now, after, service)
  if (sharing === undefined) return []
  return now.routes
    .filter(({ id, match, rewrite }) => {
      const before = old?.routes.find((route) => route.id === id)
      return (
        rewrite !== undefined && (isMoved || !isDeepStrictEqual([before?.match, before?.rewrite], [match, rewrite]))
      )
    })
    .map(({ id }) => ({
      place: `services.${service}.routes[${id}].rewrite`,
      what: `could reach paths of service ${sharing}, which has the same upstream`,
      remedy: `remove the rewrite, use other upstreams, or ${fullScopeRemedy}`,
    }))
}

/**
 * Refuses a path of health checks if another service has the same upstream: the checks send requests to that path, which
 * can belong to the other service. An unchanged path is refused only if the change adds the shared upstream.
 */
function sharedChecks({ old, now, after, service }: OwnedChange): OwnerRefusal[] {
  const path = now.health?.path
  const { sharing, isMoved } = sharedUpstreams(old, now, after, service)
  if (path === undefined || sharing === undefined || (!isMoved && path === old?.health?.path)) return []
  return [
    {
      place: `services.${service}.health.path`,
      what: `could reach paths of service ${sharing}, which has the same upstream`,
      remedy: `remove health, use other upstreams, or ${fullScopeRemedy}`,
    },
  ]
}

/** Returns another service with an upstream of this service, and whether the change adds such an upstream. */
function sharedUpstreams(
  old: ServiceEntry | undefined,
  now: ServiceEntry,
  after: ComparedPolicy,
  service: string,
): { readonly sharing: string | undefined; readonly isMoved: boolean } {
  const others = Object.entries(after.document.services).filter(([id]) => id !== service)
  const sharing = others.find(([, { upstreams }]) => upstreams.some(({ url }) => isUpstreamOf(now, url)))
  const isMoved = others.some(([, { upstreams }]) =>
    upstreams.some(({ url }) => isUpstreamOf(now, url) && !isUpstreamOf(old, url)),
  )
  return { sharing: sharing?.[0], isMoved }
}

function isUpstreamOf(service: ServiceEntry | undefined, { origin }: URL): boolean {
  return urlsOf(service).some((each) => each.origin === origin)
}

function urlsOf(service: ServiceEntry | undefined): readonly URL[] {
  return service?.upstreams.map(({ url }) => url) ?? []
}
