import { formatDuration } from '../base/duration.ts'
import type { Snapshot } from './snapshot.ts'

/**
 * Lists the security relaxations in a policy. Each entry names the policy key that sets the relaxation. A security
 * reviewer reads this list first. The list is empty when nothing is relaxed.
 */
export function relaxationsOf({
  issuers,
  services,
  routes,
}: Pick<Snapshot, 'issuers' | 'services' | 'routes'>): string[] {
  const found: string[] = []
  for (const { name, profile, scopeArray } of issuers.values()) {
    if (profile === 'any') found.push(`issuers.${name}.profile: any`)
    if (scopeArray) found.push(`issuers.${name}.scope_array: true`)
  }
  for (const { id, encodedSlashes, pathParameters, credential, passHeaders } of services) {
    if (encodedSlashes === 'keep') found.push(`services.${id}.encoded_slashes: keep`)
    if (pathParameters === 'allow') found.push(`services.${id}.path_parameters: allow`)
    if (credential.type === 'token') found.push(`services.${id}.credentials: token`)
    if (passHeaders !== undefined) found.push(`services.${id}.pass_headers: ${[...passHeaders].join(', ')}`)
  }
  for (const {
    id,
    service,
    credential,
    fallThrough,
    revocationStaleMs,
    introspection,
    limits,
    streams,
    replayOnOutage,
    relaxations,
  } of routes) {
    const route = `services.${service.id}.routes[${id}]`
    const outage = `${route}.on_outage`
    if (credential.type === 'token' && service.credential.type !== 'token') found.push(`${route}.credentials: token`)
    for (const key of relaxations) found.push(`${route}.require ${key}`)
    if (fallThrough) found.push(`${route}.match.fall_through: true`)
    // List only a stale time that the route itself sets. If the route inherits the time from the issuer, `staleMs` is
    // `undefined`.
    const { staleMs = 0 } = introspection
    if (staleMs > 0) found.push(`${outage}.introspection: stale ${formatDuration(staleMs)}`)
    if (revocationStaleMs > 0) found.push(`${outage}.revocation: stale ${formatDuration(revocationStaleMs)}`)
    if (streams.keeps) found.push(`${route}.streams.end: keep`)
    if (replayOnOutage === 'node') found.push(`${outage}.replay: node`)
    if (limits?.onOutage === 'open') found.push(`${outage}.limits: open`)
  }
  return found
}
