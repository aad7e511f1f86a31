import { refusedBy } from '../../policy/path-form.ts'
import type { Matched, Resolved } from '../exchange.ts'
import { findRoute } from '../find-route.ts'
import type { Phase } from '../phase.ts'

/** Finds the route, and pins the snapshot that it was found in for the whole exchange. Denies 404, 405, 421. */
export const matchRoute: Phase<Resolved, Matched> = {
  name: 'match-route',
  waits: false,
  run(x) {
    const found = findRoute(x, x.method)
    if ('reason' in found) return found
    x.runtime = x.gate.runtime
    x.route = found
    // Only now is the service known, and with it what it does about escaped slashes and path parameters.
    return refusedBy(found.service, x.path)
  },
}
