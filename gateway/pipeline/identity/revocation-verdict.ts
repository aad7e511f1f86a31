import { denial } from '../../base/denial.ts'
import type { Reason } from '../../base/reasons.ts'
import { requireLogin } from '../browser/require-login.ts'
import type { Identified } from '../exchange/exchange.ts'
import type { Verdict } from '../exchange/steps.ts'
import { sessionEnded } from './session-credential.ts'

export const revocationStale = denial('revocation-stale', { fields: [['retry-after', '1']] })

/** Reasons of the denials that `revocationVerdict` returns. */
export const revocationReasons = [
  'token-revoked',
  'session-ended',
  'revocation-stale',
] as const satisfies readonly Reason[]

type RevocationReason = (typeof revocationReasons)[number]

/**
 * Whether the credential is revoked, according to the node's own revocation replica. Denies 401 for a revoked token,
 * and 503 when the replica is stale. An ended session requires a login: a redirect for a browser that opens a page,
 * else 401. Synchronous. Without revocations since the last check of the same token facts, the cost is a few
 * comparisons and two clock reads.
 *
 * Reads the clocks on every call, because the process may have been paused since the last read.
 */
export function revocationVerdict(x: Identified): Verdict<RevocationReason, 'login-required'> {
  const { facts, route, session } = x
  const { revocations, sessions } = x.gate
  if (facts === undefined || revocations === undefined) return undefined
  if (session !== undefined && sessions!.ended(session)) return requireLogin(x, sessionEnded)
  if (revocations.revoked(facts, x.credential)) {
    return session === undefined ? route.denials.token['token-revoked'] : requireLogin(x, sessionEnded)
  }
  return revocations.stale(route.revocationStaleMs) ? revocationStale : undefined
}
