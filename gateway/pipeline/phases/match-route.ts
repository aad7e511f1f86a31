import { refusedBy, servicePathReasons } from '../../policy/path-form.ts'
import type { Matched, Resolved } from '../exchange/exchange.ts'
import { findRoute } from '../exchange/find-route.ts'
import { phase } from '../exchange/phase.ts'

/**
 * Finds the route and pins its policy snapshot for the whole exchange. Denies 404, 405, 421, or 400 for an invalid
 * path.
 */
export const matchRoute = phase<Resolved, Matched>()({
  name: 'match-route',
  waits: false,
  denies: ['host-not-served', 'host-unknown', 'route-unknown', 'method-not-mapped', ...servicePathReasons],
  run(x) {
    const found = findRoute(x, x.method)
    if ('reason' in found) return found
    x.runtime = x.gate.runtime
    x.route = found
    // Check escaped slashes and path parameters after the match: their rules depend on the service.
    return refusedBy(found.service, x.path)
  },
})
