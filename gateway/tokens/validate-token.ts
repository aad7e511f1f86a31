import type { VerificationReason } from '../base/reasons.ts'
import { type ClaimedFacts, type TokenHeader, validateClaims, validateHeader } from '../oauth/access-token.ts'
import { member } from '../oauth/json.ts'
import { objectInPart, readJws } from '../oauth/jws.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'

/** The content of a token, valid by its issuer's rules. Its signature has not been verified yet. */
export interface ValidatedToken {
  readonly header: TokenHeader
  readonly claimed: ClaimedFacts
}

/**
 * Validates everything in a token except its signature. Synchronous, and about as cheap as parsing.
 *
 * @param nowMs  ms since the epoch
 * @returns the reason when the token is invalid
 */
export function validateToken(
  token: string,
  issuers: ReadonlyMap<string, IssuerRules>,
  nowMs: number,
  maxBytes: number,
): ValidatedToken | VerificationReason {
  // Only ASCII passes the next checks, so the number of characters equals the number of bytes.
  if (token.length > maxBytes) return 'token-too-long'
  const jws = readJws(token)
  if (typeof jws === 'string') return jws
  const issuer = member(jws.claims, 'iss')
  if (issuer !== undefined && typeof issuer !== 'string') return 'token-claims-malformed'
  const rules = issuer === undefined ? undefined : issuers.get(issuer)
  if (rules === undefined) return 'token-issuer-unknown'
  // The issuer's tokens are all opaque: its keys do not verify access tokens, and they must be introspected.
  if (rules.tokens === 'opaque') return 'token-type'
  const header = validateHeader(jws.header, rules)
  if (typeof header === 'string') return header
  const claimed = validateClaims(jws.claims, rules, nowMs)
  return typeof claimed === 'string' ? claimed : { header, claimed }
}

/**
 * Whether a token is opaque, so that an issuer must be asked. A token with the form of a JWT and an `iss` claim is
 * never opaque, even if it is invalid: another issuer's token must not be sent to one of the gate's issuers.
 */
export function isOpaque(token: string): boolean {
  const [header, claims, signature, ...more] = token.split('.', 4)
  if (header === undefined || claims === undefined || signature === undefined || more.length > 0) return true
  const jose = objectInPart(header)
  if (jose === undefined) return true
  // An imitation of a JWT. Issuers cannot answer about it.
  if (typeof jose['alg'] !== 'string') return false
  const said = objectInPart(claims)
  return said !== undefined && !Object.hasOwn(said, 'iss')
}
