import { type Denial, denial } from '../../base/denial.ts'
import { refusedBy, type ServicePathReason } from '../../policy/path-form.ts'
import type { MatchReason, Route } from '../../policy/snapshot.ts'
import type { Resolved } from './exchange.ts'

const otherHost = denial('host-not-served')

/**
 * Finds the route for this exchange with the given method. Otherwise returns the denial: 404, 405, 421, or 400 for an
 * invalid path. The service's own path rules are checked later (`refusedBy`).
 */
export function findRoute(
  { gate, servedNames, host, path }: Resolved,
  method: string,
): Route | Denial<MatchReason | ServicePathReason | 'host-not-served'> {
  // Deny 421 for another host: a connection that was opened for one TLS server name must not be used for another server
  // name (RFC 9110 §7.4).
  if (servedNames !== undefined && !covers(servedNames, host)) return otherHost
  const found = gate.runtime.snapshot.match(host, path, method)
  // Reject a path with escapes that no route matches: it belongs to no service, so no service allows escaped slashes or
  // path parameters in the path.
  return 'reason' in found && found.reason === 'route-unknown' ? (refusedBy(undefined, path) ?? found) : found
}

/** Whether the names of a certificate cover a host. A wildcard matches one label (RFC 9525 §6.3). */
function covers(names: ReadonlySet<string>, host: string): boolean {
  return names.has(host) || names.has(`*${host.slice(host.indexOf('.'))}`)
}
