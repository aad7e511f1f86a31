import { claimsAbout } from './claims-about.ts'
import type { Session } from './session.ts'

/**
 * Returns the claims of a session after the issuer has stated them again. Claims that the issuer no longer states are
 * dropped. `amr` describes the authentication at the login, so it is kept even if it is not stated again.
 */
export function renewedClaims(
  { claims }: Pick<Session, 'claims'>,
  stated: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const kept = Object.hasOwn(claims, 'amr') ? { amr: claims['amr'] } : {}
  return { ...kept, ...claimsAbout(stated) }
}
