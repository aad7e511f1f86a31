import type { Credentialed, Shaped, Valid } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import { validityReasons, validityVerdict } from '../identity/validity-verdict.ts'

const definition = {
  name: 'check-validity',
  waits: false,
  denies: validityReasons,
  answers: ['login-required'],
  run: validityVerdict,
} as const

/**
 * Checks the credential once more after the last phase that may wait, directly before `forward`. Denies 401 for a
 * revoked token, and 503 for a stale revocation replica or a credential that expired while the gate waited. An ended
 * session requires a login.
 *
 * A waiting phase between `check-validity` and `forward` does not compile.
 */
export const checkValidity = phase<Shaped, Valid<Shaped>>()(definition)

/** The phase `check-validity` of a forward-auth check, directly before `answer-check`. */
export const checkValidityOfCheck = phase<Credentialed, Valid<Credentialed>>()(definition)
