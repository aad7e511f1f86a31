import { denial } from '../../base/denial.ts'
import { askToLogIn } from '../ask-to-log-in.ts'
import type { Identified, Standing } from '../exchange.ts'
import type { Phase } from '../phase.ts'
import { sessionEnded } from '../session-credential.ts'

const stale = denial('revocation-stale', { fields: [['retry-after', '1']] })

/**
 * Refuses what was revoked, by the node's own replica: nothing is waited for. Denies 401 `invalid_token` for a revoked
 * token, on cached facts too, or a session that was ended, and 503 where the replica is too old to tell. Public routes go on.
 *
 * After `authenticate`, so that what was revoked during a verification is seen. The clocks are read here, each time: a
 * process may have been stopped at any moment before.
 */
export const checkRevocation: Phase<Identified, Standing> = {
  name: 'check-revocation',
  run(x) {
    const { facts, route, session } = x
    const { revocations, sessions } = x.gate
    if (facts === undefined || revocations === undefined) return undefined
    if (session !== undefined && sessions!.ended(session)) return askToLogIn(x, sessionEnded)
    if (revocations.revoked(facts, x.credential)) {
      return session === undefined ? route.denials.token['token-revoked'] : askToLogIn(x, sessionEnded)
    }
    return revocations.stale(route.revocationStaleMs) ? stale : undefined
  },
}
