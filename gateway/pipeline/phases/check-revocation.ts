import { denial } from '../../base/denial.ts'
import type { Identified, Standing } from '../exchange.ts'
import type { Phase } from '../phase.ts'

const stale = denial('revocation-stale', { fields: [['retry-after', '1']] })

/**
 * Refuses what was revoked, by the node's own replica: nothing is waited for. Denies 401 `invalid_token` for a revoked
 * token, on cached facts too, and 503 where the replica is too old to tell. Public routes go on.
 *
 * After `authenticate`, so that what was revoked during a verification is seen. The clocks are read here, each time: a
 * process may have been stopped at any moment before.
 */
export const checkRevocation: Phase<Identified, Standing> = {
  name: 'check-revocation',
  run(x) {
    const { facts, route } = x
    const { revocations } = x.gate
    if (facts === undefined || revocations === undefined) return undefined
    if (revocations.revoked(facts, x.credential)) return route.denials.token['token-revoked']
    return revocations.stale(route.revocationStaleMs) ? stale : undefined
  },
}
