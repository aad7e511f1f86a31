import type { TokenHeader } from '../oauth/access-token.ts'
import { member } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import { isName } from '../oauth/name.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'

/** Content of a logout token before its signature is verified. At least one of `sessionId` and `subject` is present. */
export interface LogoutToken {
  readonly rules: IssuerRules
  readonly header: TokenHeader
  readonly tokenId: string
  /** Time at which the logout token was issued (`iat`), s since the epoch. */
  readonly issuedAtS: number
  /** `sid` of the logout token: id of the session at the issuer. */
  readonly sessionId: string | undefined
  /** Subject whose sessions end; with `sessionId`, only the sessions of that `sid`. */
  readonly subject: string | undefined
}

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** Maximum age of a logout token, s, so that an old token cannot be replayed (Back-Channel Logout 1.0 §2.6). */
export const LOGOUT_TOKEN_MAX_AGE_S = 120
const TOKEN_MAX = 16 * 1024
const types = new Set(['logout+jwt', 'jwt'])

/**
 * Validates a logout token except its signature (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6).
 *
 * @param issuers  login issuers of the policy
 * @param nowS  current time, s since the epoch
 * @returns the content of the token; if the token is invalid, the problem as a text
 */
export function readLogoutToken(text: string, issuers: readonly IssuerRules[], nowS: number): LogoutToken | string {
  const jws = text.length > TOKEN_MAX ? 'token-malformed' : readJws(text)
  if (typeof jws === 'string') return 'the logout token is not a signed JWT'
  const { header, claims } = jws
  const [type, algorithm, keyId] = ['typ', 'alg', 'kid'].map((name) => member(header, name))
  const rules = issuers.find(({ issuer }) => issuer === member(claims, 'iss'))
  if (rules === undefined) return 'iss is not a login issuer of the policy'
  if (type !== undefined && !(typeof type === 'string' && types.has(type.toLowerCase().replace('application/', '')))) {
    return 'typ is not logout+jwt or JWT'
  }
  if (typeof algorithm !== 'string' || !rules.algorithms.has(algorithm)) return 'alg is not allowed for this issuer'
  if (keyId !== undefined && typeof keyId !== 'string') return 'kid is not a string'
  // Reject a `nonce`: a logout token has none (Back-Channel Logout 1.0 §2.4), so that an ID token cannot be used as a
  // logout token.
  if (Object.hasOwn(claims, 'nonce')) return 'nonce must be absent from a logout token'
  const events = member(claims, 'events')
  if (!isObject(events) || !isObject(Object.hasOwn(events, EVENT) ? events[EVENT] : undefined)) {
    return 'events does not contain the back-channel logout event'
  }
  const audience = member(claims, 'aud')
  const { clientId } = rules.login!
  if (audience !== clientId && !(Array.isArray(audience) && audience.includes(clientId)))
    return 'aud does not contain the client_id of the gate'
  const issuedAtS = member(claims, 'iat')
  const flaw = flawInTime(issuedAtS, member(claims, 'exp'), rules.clockToleranceS, nowS)
  if (flaw !== undefined) return flaw
  const tokenId = member(claims, 'jti')
  if (!isName(tokenId)) return 'jti is missing or invalid'
  const [sessionId, subject] = [member(claims, 'sid'), member(claims, 'sub')]
  if (sessionId !== undefined && !isName(sessionId)) return 'sid is invalid'
  if (subject !== undefined && !isName(subject)) return 'sub is invalid'
  if (sessionId === undefined && subject === undefined) return 'sid and sub are both missing'
  return { rules, header: { algorithm, keyId }, tokenId, issuedAtS: issuedAtS as number, sessionId, subject }
}

function flawInTime(iat: unknown, exp: unknown, toleranceS: number, nowS: number): string | undefined {
  if (typeof iat !== 'number' || !(Math.abs(nowS - iat) <= LOGOUT_TOKEN_MAX_AGE_S + toleranceS)) {
    return 'iat is missing, too old or in the future'
  }
  // Require `exp` (Back-Channel Logout 1.0 §2.4), so that no logout token is valid for ever.
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return 'exp is missing or not a number'
  return nowS < exp + toleranceS ? undefined : 'the logout token has expired'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
