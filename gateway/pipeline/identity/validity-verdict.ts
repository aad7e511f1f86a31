import type { Reason } from '../../base/reasons.ts'
import { refusedFromMs } from '../../oauth/access-token.ts'
import type { Recorded } from '../exchange/exchange.ts'
import { expiredWhileWaitingDenial } from '../exchange/expired-while-waiting.ts'
import type { Verdict } from '../exchange/steps.ts'
import { revocationReasons, revocationVerdict } from './revocation-verdict.ts'
import { isAcceptedSession } from './session-credential.ts'

/** Reasons for which `validityVerdict` denies. */
export const validityReasons = [...revocationReasons, 'expired-while-waiting'] as const satisfies readonly Reason[]

type ValidityReason = (typeof validityReasons)[number]

/**
 * Whether the credential is valid now: revocation, session end, expiry and the freshness of the replica.
 * `check-validity` runs it before the request is forwarded or a check is answered. `forward` runs it again before a
 * retry and before it sends a request on a newly opened connection.
 *
 * Denies 401 for a revoked token or an ended session, and 503 for a stale replica. An expiry after `authenticate` is
 * 503, never 401: the credential was valid on arrival, and the gate caused the delay. Synchronous; reads the clocks on
 * every call.
 */
export function validityVerdict(x: Recorded): Verdict<ValidityReason, 'login-required'> {
  const { facts, session } = x
  if (facts === undefined) return undefined
  x.readClock()
  const revoked = revocationVerdict(x)
  if (revoked !== undefined) return revoked
  if (x.nowMs >= refusedFromMs(facts)) return expiredWhileWaitingDenial
  if (session !== undefined && !isAcceptedSession(x.runtime.snapshot, session, x.nowMs))
    return expiredWhileWaitingDenial
  return undefined
}
