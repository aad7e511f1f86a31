import type { VerificationReason } from '../base/reasons.ts'
import { type ClaimedFacts, validateClaims } from './access-token.ts'
import { type Confirmation, isSameConfirmation, readConfirmation } from './confirmation.ts'
import { type JsonObject, member } from './json.ts'
import type { IssuerRules } from './token-facts.ts'
import { isOtherToken } from './token-type.ts'

/** An introspection response of an issuer (RFC 7662 §2.2). */
export interface IntrospectionAnswer {
  readonly active: boolean
  /**
   * True when the response contained `active: false`, which revokes the token. Any other value that is not `true` also
   * rejects the token, but does not revoke it.
   */
  readonly ended: boolean
  /** Members of the response except `active`; empty for an inactive token. */
  readonly claims: JsonObject
}

/** An introspection response that does not say whether the token is active, for example an error response. */
export interface NoAnswer {
  readonly why: string
}

/** Syntax of a bearer token (RFC 6750 §2.1, b64token). */
const bearerToken = /^[A-Za-z0-9._~+/-]+=*$/

export function isBearerToken(token: string): boolean {
  return bearerToken.test(token)
}

/**
 * Reads the JSON object of an introspection response. Only `active: true` makes the token active. An error response
 * with a success status (RFC 6749 §5.2) does not say whether the token is active.
 */
export function readIntrospection(object: JsonObject): IntrospectionAnswer | NoAnswer {
  const active = member(object, 'active')
  if (active === undefined && Object.hasOwn(object, 'error')) return { why: errorText(object) }
  if (active !== true) return { active: false, ended: active === false, claims: {} }
  const { active: _, ...claims } = object
  return { active: true, ended: false, claims }
}

/**
 * Returns the error code of an introspection response (RFC 6749 §5.2) for logs: at most 64 visible ASCII characters.
 * Any other value becomes `an error`.
 */
export function errorText(object: JsonObject): string {
  const code = member(object, 'error')
  return typeof code === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/.test(code) ? code : 'an error'
}

/** Names of the scope and client claims in an introspection response (RFC 7662 §2.2). */
const asRegistered = { scopeClaim: 'scope', clientClaim: undefined }

/**
 * Validates the introspected claims of an opaque token by the rules for JWTs: audience, times, scopes, subject,
 * binding.
 *
 * An issuer may report a refresh token as active, but a refresh token is not an access token. Claims that identify
 * another kind of token are therefore rejected, also when `token_type` is absent, and under every profile of the
 * issuer.
 *
 * @param nowMs  current time, ms since the epoch
 */
export function validateIntrospected(
  claims: JsonObject,
  rules: IssuerRules,
  nowMs: number,
): ClaimedFacts | VerificationReason {
  const issuer = member(claims, 'iss')
  if (issuer !== undefined && issuer !== rules.issuer) return 'token-issuer-not-accepted'
  const type = member(claims, 'token_type')
  if (type !== undefined && typeof type !== 'string') return 'token-claims-malformed'
  const isDpop = type?.toLowerCase() === 'dpop'
  if (type !== undefined && !isDpop && type.toLowerCase() !== 'bearer') return 'token-type'
  if (isOtherToken(claims)) return 'token-type'
  const claimed = validateClaims(claims, rules, nowMs, asRegistered)
  if (typeof claimed === 'string') return claimed
  // Reject a token that the response calls bound by DPoP but without a key: without `jkt` the gate does not know the
  // key, so no client can prove possession of it.
  return isDpop && claimed.confirmation?.jkt === undefined ? 'token-binding' : claimed
}

/**
 * Whether an introspection response agrees with the binding of a JWT (RFC 7662 §2.2, RFC 9449 §6.2). A response that
 * does not mention a binding agrees. A response that states another key, or a key for a token without one, does not:
 * the token is then not what its own claims say.
 *
 * @param claims  claims of the response
 * @param confirmation  the key to which the JWT is bound by its own claims
 */
export function agreesWithBinding(claims: JsonObject, confirmation: Confirmation | undefined): boolean {
  const type = member(claims, 'token_type')
  if (typeof type === 'string' && type.toLowerCase() === 'dpop' && confirmation?.jkt === undefined) return false
  const stated = readConfirmation(claims)
  return stated === undefined || (stated !== 'token-binding' && isSameConfirmation(stated, confirmation))
}

/**
 * Whether two sets of claims describe the same token. The subject and client of a token never change. A difference
 * means that the issuer's response belongs to another request.
 */
export function isSameToken(before: JsonObject, after: JsonObject): boolean {
  return ['iss', 'sub', 'client_id', 'jti'].every((name) => {
    const [one, other] = [member(before, name), member(after, name)]
    return one === undefined || other === undefined || one === other
  })
}
