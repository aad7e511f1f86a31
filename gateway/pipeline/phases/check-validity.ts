import type { Recorded, Shaped, Valid } from '../exchange/exchange.ts'
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
 * revoked token or an ended session. Denies 503 for a stale replica or a credential that expired while the gate waited.
 *
 * A waiting phase between this one and `forward` does not compile.
 */
export const checkValidity = phase<Shaped, Valid<Shaped>>()(definition)

/** The same check for a forward-auth check, directly before `answer-check`. */
export const checkValidityOfCheck = phase<Recorded, Valid<Recorded>>()(definition)
