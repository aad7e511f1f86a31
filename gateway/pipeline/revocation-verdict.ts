import { denial } from '../base/denial.ts'
import { askToLogIn } from './ask-to-log-in.ts'
import type { Identified } from './exchange.ts'
import { sessionEnded } from './session-credential.ts'
import type { Verdict } from './steps.ts'

const stale = denial('revocation-stale', { fields: [['retry-after', '1']] })

/**
 * Whether the credential is revoked, by the node's own replica: 401 for a revoked token or an ended session, 503 where
 * the replica is too old to tell. Waits for nothing. While nothing has been revoked since the last look at these facts,
 * this costs comparisons and two clock reads.
 *
 * The clocks are read here, each time: a process may have been stopped at any moment before.
 */
export function revocationVerdict(x: Identified): Verdict {
  const { facts, route, session } = x
  const { revocations, sessions } = x.gate
  if (facts === undefined || revocations === undefined) return undefined
  if (session !== undefined && sessions!.ended(session)) return askToLogIn(x, sessionEnded)
  if (revocations.revoked(facts, x.credential)) {
    return session === undefined ? route.denials.token['token-revoked'] : askToLogIn(x, sessionEnded)
  }
  return revocations.stale(route.revocationStaleMs) ? stale : undefined
}
