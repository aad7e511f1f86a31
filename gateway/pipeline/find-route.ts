import { type Denial, denial } from '../base/denial.ts'
import { refusedBy } from '../policy/path-form.ts'
import type { Route } from '../policy/snapshot.ts'
import type { Resolved } from './exchange.ts'

const otherHost = denial('host-not-served')

/**
 * The route that this exchange would take with this method, or why there is none: 404, 405, 421, or 400 for its path. What its
 * service refuses of a path is asked for afterwards (`refusedBy`).
 */
export function findRoute({ gate, servedNames, host, path }: Resolved, method: string): Route | Denial {
  // A connection that was opened for one name may not be used for another (RFC 9110 §7.4).
  if (servedNames !== undefined && !covers(servedNames, host)) return otherHost
  const found = gate.runtime.snapshot.match(host, path, method)
  // A path of no service: none says that it keeps escaped slashes or path parameters.
  return 'reason' in found && found.reason === 'route-unknown' ? (refusedBy(undefined, path) ?? found) : found
}

/** RFC 9525 §6.3: a wildcard stands for one label. */
function covers(names: ReadonlySet<string>, host: string): boolean {
  return names.has(host) || names.has(`*${host.slice(host.indexOf('.'))}`)
}
