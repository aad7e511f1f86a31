import type { Identified, Unrevoked } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import { revocationReasons, revocationVerdict } from '../identity/revocation-verdict.ts'

/**
 * Refuses a revoked credential before authorization and rate limiting. Denies 401 `invalid_token` for a revoked token,
 * also with cached facts. An ended session requires a login: a redirect for a browser that opens a page, else 401.
 * Denies 503 when the revocation replica is stale. Public routes pass.
 *
 * Runs after `authenticate`, so that a revocation during a verification is detected. `check-validity` repeats the check
 * after the last phase that may wait.
 */
export const checkRevocation = phase<Identified, Unrevoked>()({
  name: 'check-revocation',
  waits: false,
  denies: revocationReasons,
  answers: ['login-required'],
  run: revocationVerdict,
})
