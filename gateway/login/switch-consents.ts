import { timingSafeEqual } from 'node:crypto'
import type { Sealer } from '../base/sealer.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { Session } from '../sessions/session.ts'

const DIGITS = 32

/**
 * Proofs that the user has agreed, on a page of the gate, to replace a session by a login at another issuer. No other
 * site can create a proof. A proof is valid for one session and one issuer, and does not depend on the request's header
 * fields.
 */
export class SwitchConsents {
  readonly #sealer: Sealer

  constructor(sealer: Sealer) {
    this.#sealer = sealer
  }

  of({ id }: Session, { issuer }: IssuerRules): string {
    return this.#sealer.nameOf('switch', id, issuer).slice(0, DIGITS)
  }

  /**
   * Whether a user's proof of consent is valid for the session and the issuer. Proofs that were created before a
   * rotation of the encryption key are valid too.
   */
  isOf(given: string | undefined, { id }: Session, { issuer }: IssuerRules): boolean {
    if (given?.length !== DIGITS) return false
    const bytes = Buffer.from(given, 'latin1')
    const names = this.#sealer.namesOf('switch', id, issuer)
    return names.some((name) => timingSafeEqual(Buffer.from(name.slice(0, DIGITS), 'latin1'), bytes))
  }
}
