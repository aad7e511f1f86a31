import type { Denial } from '../../base/denial.ts'
import { refusedFromMs } from '../../oauth/access-token.ts'
import type { Recorded } from '../exchange/exchange.ts'
import { certificateVerdict } from './certificate-credential.ts'
import { revocationStale } from './revocation-verdict.ts'
import { isAcceptedSession, sessionEnded } from './session-credential.ts'

/**
 * Whether the credential that admitted an exchange is still valid: the check of a request, repeated while the exchange
 * relays a reply or an upload. A login session continues while its access token is refreshed, so the exchange ends at
 * the end of the session instead of the expiry of that token.
 *
 * The caller must call `readClock` first, because the process may have been paused since the last reading. Allocates
 * nothing.
 */
export function streamVerdict(x: Recorded): Denial | undefined {
  const { facts, session, route } = x
  if (facts === undefined) return undefined
  // Check the client certificate in two cases: the token is bound to the certificate, or the requirement names the
  // certificate in addition to a token.
  const rejected = certificateVerdict(x)
  if (rejected !== undefined) return rejected
  const { revocations, sessions } = x.gate
  if (session !== undefined) {
    if (sessions!.ended(session) || !isAcceptedSession(x.gate.runtime.snapshot, session, x.nowMs)) return sessionEnded
  } else if (x.nowMs >= refusedFromMs(facts)) return route.denials.token['token-expired']
  if (revocations === undefined) return undefined
  if (revocations.revoked(facts, x.credential)) {
    return session === undefined ? route.denials.token['token-revoked'] : sessionEnded
  }
  return revocations.stale(route.revocationStaleMs) ? revocationStale : undefined
}
