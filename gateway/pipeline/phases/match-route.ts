import { type Denial, denial } from '../../base/denial.ts'
import type { Reason } from '../../base/reasons.ts'
import { refusedBy } from '../../policy/path-form.ts'
import type { Matched, Resolved } from '../exchange.ts'
import type { Phase } from '../phase.ts'

/** Finds the route, and pins the snapshot that it was found in for the whole exchange. Denies 404, 405, 421. */
export const matchRoute: Phase<Resolved, Matched> = {
  name: 'match-route',
  run(x) {
    const { runtime } = x.gate
    const found = runtime.snapshot.match(x.host, x.path, x.head.method)
    if ('reason' in found) return found.reason === 'route-unknown' ? (strictly(x.path) ?? found) : found
    x.runtime = runtime
    x.route = found
    // Only now is the service known, and with it what it does about escaped slashes and path parameters.
    const reason = refusedBy(found.service, x.path)
    return reason === undefined ? undefined : refusal(reason)
  },
}

/** A path of no service: none says that it keeps escaped slashes or path parameters. */
function strictly(path: string): Denial | undefined {
  const reason = refusedBy(undefined, path)
  return reason === undefined ? undefined : refusal(reason)
}

const refusals = new Map<Reason, Denial>()

function refusal(reason: Reason): Denial {
  let made = refusals.get(reason)
  if (made === undefined) {
    made = denial(reason)
    refusals.set(reason, made)
  }
  return made
}
