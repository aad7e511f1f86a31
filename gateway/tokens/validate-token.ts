import type { VerificationReason } from '../base/reasons.ts'
import { type ClaimedFacts, type TokenHeader, validateClaims, validateHeader } from '../oauth/access-token.ts'
import { member } from '../oauth/json.ts'
import { objectInPart, readJws } from '../oauth/jws.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'

/** Header and claims of a token, valid by the rules of its issuer. The signature has not been verified yet. */
export interface ValidatedToken {
  readonly header: TokenHeader
  readonly claimed: ClaimedFacts
}

/**
 * Validates everything in a token except its signature. Synchronous, and about as cheap as parsing.
 *
 * @param nowMs  current time, ms since the Unix epoch
 * @returns the validated content, or the reason why the token is invalid
 */
export function validateToken(
  token: string,
  issuers: ReadonlyMap<string, IssuerRules>,
  nowMs: number,
  maxBytes: number,
): ValidatedToken | VerificationReason {
  // Compare the number of characters instead of bytes: the checks below reject non-ASCII characters.
  if (token.length > maxBytes) return 'token-too-long'
  const jws = readJws(token)
  if (typeof jws === 'string') return jws
  const issuer = member(jws.claims, 'iss')
  if (issuer !== undefined && typeof issuer !== 'string') return 'token-claims-malformed'
  const rules = issuer === undefined ? undefined : issuers.get(issuer)
  if (rules === undefined) return 'token-issuer-unknown'
  // Reject the token here: all tokens of this issuer are opaque and must be introspected. The keys of the issuer verify
  // no access tokens.
  if (rules.tokens === 'opaque') return 'token-type'
  const header = validateHeader(jws.header, rules)
  if (typeof header === 'string') return header
  const claimed = validateClaims(jws.claims, rules, nowMs)
  return typeof claimed === 'string' ? claimed : { header, claimed }
}

/**
 * Whether a token is opaque, so that it must be introspected. A token with the form of a JWT and an `iss` claim is
 * never opaque, even if it is invalid: another issuer's token must not be sent to one of the gate's issuers.
 */
export function isOpaque(token: string): boolean {
  const [header, claims, signature, ...more] = token.split('.', 4)
  if (header === undefined || claims === undefined || signature === undefined || more.length > 0) return true
  const jose = objectInPart(header)
  if (jose === undefined) return true
  // Do not introspect the token: its header has no `alg`, so it only imitates a JWT, and no issuer can introspect it.
  if (typeof jose['alg'] !== 'string') return false
  const said = objectInPart(claims)
  return said !== undefined && !Object.hasOwn(said, 'iss')
}
