import { denial } from '../../base/denial.ts'
import { refusedBy } from '../../policy/path-form.ts'
import type { Matched, Resolved } from '../exchange.ts'
import type { Phase } from '../phase.ts'

/** Finds the route, and pins the snapshot that it was found in for the whole exchange. Denies 404, 405, 421. */
export const matchRoute: Phase<Resolved, Matched> = {
  name: 'match-route',
  run(x) {
    const { runtime } = x.gate
    // A connection that was opened for one name may not be used for another (RFC 9110 §7.4).
    if (x.servedNames !== undefined && !covers(x.servedNames, x.host)) return otherHost
    const found = runtime.snapshot.match(x.host, x.path, x.method)
    if ('reason' in found) {
      // A path of no service: none says that it keeps escaped slashes or path parameters.
      return found.reason === 'route-unknown' ? (refusedBy(undefined, x.path) ?? found) : found
    }
    x.runtime = runtime
    x.route = found
    // Only now is the service known, and with it what it does about escaped slashes and path parameters.
    return refusedBy(found.service, x.path)
  },
}

/** RFC 9525 §6.3: a wildcard stands for one label. */
function covers(names: ReadonlySet<string>, host: string): boolean {
  return names.has(host) || names.has(`*${host.slice(host.indexOf('.'))}`)
}

const otherHost = denial('host-not-served')
