import type { TokenHeader } from '../oauth/access-token.ts'
import { member } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import { isName } from '../oauth/name.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'

/** What a logout token says, before a key has vouched for it. At least one of `sessionId` and `subject` is there. */
export interface LogoutToken {
  readonly rules: IssuerRules
  readonly header: TokenHeader
  readonly tokenId: string
  /** `iat`, s since the epoch. */
  readonly issuedAtS: number
  /** `sid`: that session of the issuer. */
  readonly sessionId: string | undefined
  /** The person whose sessions end; with `sessionId`, only those of that `sid`. */
  readonly subject: string | undefined
}

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** Older ones were meant for another time (OpenID Connect Back-Channel Logout §2.6). */
export const LOGOUT_TOKEN_MAX_AGE_S = 120
const TOKEN_MAX = 16 * 1024
const types = new Set(['logout+jwt', 'jwt'])

/**
 * Judges all of a logout token but its signature (OpenID Connect Back-Channel Logout §2.4, §2.6).
 *
 * @param issuers  at which browsers log in
 * @param nowS     s since the epoch
 * @returns what is wrong with it, when something is
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
  // What tells it from an ID token, whose claims are else the same.
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
