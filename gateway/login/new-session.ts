import type { LoginGrant } from '../issuers/login-client.ts'
import { type JsonObject, member } from '../oauth/json.ts'
import { isName } from '../oauth/name.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { claimsAbout } from '../sessions/claims-about.ts'
import type { NewSession } from '../sessions/session.ts'

/**
 * Builds the content of a new session from the result of a login.
 *
 * @param origin  origin of the only host at which the cookie of the session is valid; `undefined`: valid at every host
 *   of the gate
 */
export function newSessionOf(
  { issuer, login }: IssuerRules,
  { claims, accessToken, refreshToken, idToken, accessExpiresAtS, refreshExpiresAtS, scope }: LoginGrant,
  device: NewSession['device'],
  begunAfterMs: number,
  origin: string | undefined,
): NewSession {
  const authTime = member(claims, 'auth_time')
  return {
    issuer,
    subject: member(claims, 'sub') as string,
    providerSid: textOf(claims, 'sid'),
    acr: textOf(claims, 'acr'),
    authTimeS: typeof authTime === 'number' && Number.isFinite(authTime) ? authTime : undefined,
    claims: claimsAbout(claims),
    device,
    lifetime: login!.lifetime,
    begunAfterMs,
    ...(origin !== undefined && { origin }),
    tokens: { accessToken, refreshToken, idToken, accessExpiresAtS, refreshExpiresAtS, scope },
  }
}

function textOf(claims: JsonObject, name: string): string | undefined {
  const value = member(claims, name)
  return isName(value) ? value : undefined
}
