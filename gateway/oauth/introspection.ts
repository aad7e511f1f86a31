import type { TokenReason } from '../base/reasons.ts'
import { type ClaimedFacts, judgeClaims } from './access-token.ts'
import { type JsonObject, member } from './json.ts'
import type { IssuerRules } from './token-facts.ts'
import { isOtherToken } from './token-type.ts'

/** What an issuer said of a token (RFC 7662 §2.2). */
export interface IntrospectionAnswer {
  readonly active: boolean
  /**
   * The issuer said in so many words that the token is inactive. What is merely no `true` does not let the token in
   * either, but is no reason to revoke it.
   */
  readonly ended: boolean
  /** All members but `active`; empty for an inactive token. */
  readonly claims: JsonObject
}

/** What is no answer at all, and says nothing about the token. */
export interface NoAnswer {
  readonly why: string
}

/** The form of a bearer token (RFC 6750 §2.1, b64token). */
const bearerToken = /^[A-Za-z0-9._~+/-]+=*$/

export function isBearerToken(token: string): boolean {
  return bearerToken.test(token)
}

/**
 * Reads the JSON object of an introspection response. Only the value `true` is active. An error that comes with the
 * status of a success (RFC 6749 §5.2) is no answer.
 */
export function readIntrospection(object: JsonObject): IntrospectionAnswer | NoAnswer {
  const active = member(object, 'active')
  if (active === undefined && Object.hasOwn(object, 'error')) return { why: errorText(object) }
  if (active !== true) return { active: false, ended: active === false, claims: {} }
  const { active: _, ...claims } = object
  return { active: true, ended: false, claims }
}

/** The error code of a response (RFC 6749 §5.2), fit for a log. */
export function errorText(object: JsonObject): string {
  const code = member(object, 'error')
  return typeof code === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/.test(code) ? code : 'an error'
}

/** RFC 7662 §2.2. */
const asRegistered = { scopeClaim: 'scope', clientClaim: undefined }

/**
 * Judges what an issuer says of an opaque token by the rules for its JWTs: audience, times, scopes, subject, binding.
 *
 * A refresh token may be active too, and is no access token: where `token_type` is absent, what is recognisably another
 * kind of token is refused, whatever the profile of the issuer.
 *
 * @param nowMs  ms since the epoch
 */
export function judgeIntrospected(claims: JsonObject, rules: IssuerRules, nowMs: number): ClaimedFacts | TokenReason {
  const issuer = member(claims, 'iss')
  if (issuer !== undefined && issuer !== rules.issuer) return 'token-issuer-not-accepted'
  const type = member(claims, 'token_type')
  if (type !== undefined && typeof type !== 'string') return 'token-claims-malformed'
  if (isBound(claims)) return 'token-binding'
  if (type !== undefined && type.toLowerCase() !== 'bearer') return 'token-type'
  if (isOtherToken(claims)) return 'token-type'
  return judgeClaims(claims, rules, nowMs, asRegistered)
}

/**
 * Whether the issuer says of a token that it is bound to a key (RFC 7800 §3.1, RFC 9449 §6.2): then it is none for
 * whoever bears it, whatever the token says of itself.
 */
export function isBound(claims: JsonObject): boolean {
  const type = member(claims, 'token_type')
  return Object.hasOwn(claims, 'cnf') || (typeof type === 'string' && type.toLowerCase() === 'dpop')
}

/**
 * Whether two statements are about one token. What a token is for never changes, so another subject or client means that
 * an answer reached the wrong question.
 */
export function isSameToken(before: JsonObject, after: JsonObject): boolean {
  return ['iss', 'sub', 'client_id', 'jti'].every((name) => {
    const [one, other] = [member(before, name), member(after, name)]
    return one === undefined || other === undefined || one === other
  })
}
