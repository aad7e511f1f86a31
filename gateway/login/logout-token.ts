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
  /** `iat`, s since the epoch. */
  readonly issuedAtS: number
  /** `sid`: the session at the issuer. */
  readonly sessionId: string | undefined
  /** Subject whose sessions end; with `sessionId`, only the sessions of that `sid`. */
  readonly subject: string | undefined
}

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** Maximum age of a logout token, s, so that an old one cannot be replayed (Back-Channel Logout 1.0 §2.6). */
export const LOGOUT_TOKEN_MAX_AGE_S = 120
const TOKEN_MAX = 16 * 1024
const types = new Set(['logout+jwt', 'jwt'])

/**
 * Validates a logout token except its signature (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6).
 *
 * @param issuers  login issuers of the policy
 * @param nowS     s since the epoch
 * @returns the problem as a text, if the token is invalid
 */
export function readLogoutToken(text: string, issuers: readonly IssuerRules[], nowS: number): LogoutToken | string {
  const jws = text.length > TOKEN_MAX ? 'token-malformed' : readJws(text)
  if (typeof jws === 'string') return 'it is no signed JWT'
  const { header, claims } = jws
  const [type, algorithm, keyId] = ['typ', 'alg', 'kid'].map((name) => member(header, name))
  const rules = issuers.find(({ issuer }) => issuer === member(claims, 'iss'))
  if (rules === undefined) return 'its issuer is none at which browsers log in'
  if (type !== undefined && !(typeof type === 'string' && types.has(type.toLowerCase().replace('application/', '')))) {
    return 'its type is that of another token'
  }
  if (typeof algorithm !== 'string' || !rules.algorithms.has(algorithm)) return 'its algorithm is not trusted'
  if (keyId !== undefined && typeof keyId !== 'string') return 'its kid is no text'
  // An ID token has a nonce; otherwise the claims of both kinds are alike.
  if (Object.hasOwn(claims, 'nonce')) return 'it has a nonce, as ID tokens have'
  const events = member(claims, 'events')
  if (!isObject(events) || !isObject(Object.hasOwn(events, EVENT) ? events[EVENT] : undefined)) {
    return 'events has no back-channel logout'
  }
  const audience = member(claims, 'aud')
  const { clientId } = rules.login!
  if (audience !== clientId && !(Array.isArray(audience) && audience.includes(clientId))) return 'it is for others'
  const issuedAtS = member(claims, 'iat')
  const flaw = flawInTime(issuedAtS, member(claims, 'exp'), rules.clockToleranceS, nowS)
  if (flaw !== undefined) return flaw
  const tokenId = member(claims, 'jti')
  if (!isName(tokenId)) return 'its jti is missing, or no name'
  const [sessionId, subject] = [member(claims, 'sid'), member(claims, 'sub')]
  if (sessionId !== undefined && !isName(sessionId)) return 'its sid is no name'
  if (subject !== undefined && !isName(subject)) return 'its sub is no name'
  if (sessionId === undefined && subject === undefined) return 'it names neither a session nor a person'
  return { rules, header: { algorithm, keyId }, tokenId, issuedAtS: issuedAtS as number, sessionId, subject }
}

function flawInTime(iat: unknown, exp: unknown, toleranceS: number, nowS: number): string | undefined {
  if (typeof iat !== 'number' || !(Math.abs(nowS - iat) <= LOGOUT_TOKEN_MAX_AGE_S + toleranceS)) {
    return 'it was not issued just now'
  }
  // §2.4: required, as in every token that must not count for ever.
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return 'its exp is missing, or no finite number'
  return nowS < exp + toleranceS ? undefined : 'it has expired'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
