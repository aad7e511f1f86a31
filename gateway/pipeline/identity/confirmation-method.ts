import type { Denial } from '../../base/denial.ts'
import type { Reason } from '../../base/reasons.ts'
import type { Confirmation } from '../../oauth/confirmation.ts'
import type { Unrevoked } from '../exchange/exchange.ts'

/** One method by which a caller proves possession of the key of a bound token (RFC 7800 §3). */
export interface ConfirmationMethod<R extends Reason = Reason> {
  /** Member of the token's `cnf` claim that the method checks, such as the thumbprint of a key. */
  readonly member: keyof Confirmation
  /** Reasons of the denials that `prove` returns. */
  readonly reasons: readonly R[]
  /**
   * Checks the proof of the caller. Synchronous: it must neither call Redis nor an issuer.
   *
   * @param expected  value of the member in the confirmation of the token
   */
  prove(x: Unrevoked, expected: string): Denial<R> | undefined
}
