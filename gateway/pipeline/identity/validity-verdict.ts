import { certificateReasons, type Reason } from '../../base/reasons.ts'
import { refusedFromMs } from '../../oauth/access-token.ts'
import type { Recorded } from '../exchange/exchange.ts'
import { expiredWhileWaitingDenial } from '../exchange/expired-while-waiting.ts'
import type { Verdict } from '../exchange/steps.ts'
import { certificateVerdict } from './certificate-credential.ts'
import { revocationReasons, revocationVerdict } from './revocation-verdict.ts'
import { isAcceptedSession } from './session-credential.ts'

/** Reasons of the denials that `validityVerdict` returns. */
export const validityReasons = [
  ...revocationReasons,
  'expired-while-waiting',
  ...certificateReasons,
] as const satisfies readonly Reason[]

type ValidityReason = (typeof validityReasons)[number]

/**
 * Whether the credential is still valid: not revoked, not expired, session not ended, and the revocation replica not
 * stale. `check-validity` makes this check before the request is forwarded or a forward-auth check is answered.
 * `forward` repeats it before a retry and before it sends a request on a newly opened connection.
 *
 * Denies 401 for a revoked token, 503 for a stale replica, and 403 for a client certificate that is no longer accepted. An ended session requires a login: a redirect for a
 * browser that opens a page, else 401. A credential that expired after `authenticate` gives 503, never 401: it was
 * valid on arrival, and the gate caused the delay. Synchronous; reads the clocks on every call.
 */
export function validityVerdict(x: Recorded): Verdict<ValidityReason, 'login-required'> {
  const { facts, session } = x
  if (facts === undefined) return undefined
  x.readClock()
  const rejected = certificateVerdict(x)
  if (rejected !== undefined) return rejected
  const revoked = revocationVerdict(x)
  if (revoked !== undefined) return revoked
  if (x.nowMs >= refusedFromMs(facts)) return expiredWhileWaitingDenial
  if (session !== undefined && !isAcceptedSession(x.runtime.snapshot, session, x.nowMs))
    return expiredWhileWaitingDenial
  return undefined
}
