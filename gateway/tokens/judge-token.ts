import type { TokenReason } from '../base/reasons.ts'
import { type ClaimedFacts, judgeClaims, judgeHeader, type TokenHeader } from '../oauth/access-token.ts'
import { member } from '../oauth/json.ts'
import { objectInPart, readJws } from '../oauth/jws.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'

/** What a token says by the rules of the issuer that it names, before a key has vouched for it. */
export interface JudgedToken {
  readonly header: TokenHeader
  readonly claimed: ClaimedFacts
}

/**
 * Judges all of a token but its signature. Synchronous, and as cheap as reading it.
 *
 * @param nowMs  ms since the epoch
 * @returns why the token is refused, when it is
 */
export function judgeToken(
  token: string,
  issuers: ReadonlyMap<string, IssuerRules>,
  nowMs: number,
  maxBytes: number,
): JudgedToken | TokenReason {
  // Only ASCII gets further, so characters are bytes.
  if (token.length > maxBytes) return 'token-too-long'
  const jws = readJws(token)
  if (typeof jws === 'string') return jws
  const issuer = member(jws.claims, 'iss')
  if (issuer !== undefined && typeof issuer !== 'string') return 'token-claims-malformed'
  const rules = issuer === undefined ? undefined : issuers.get(issuer)
  if (rules === undefined) return 'token-issuer-unknown'
  // Its keys vouch for nothing: the issuer says of its tokens that they have to be asked about.
  if (rules.tokens === 'opaque') return 'token-type'
  const header = judgeHeader(jws.header, rules)
  if (typeof header === 'string') return header
  const claimed = judgeClaims(jws.claims, rules, nowMs)
  return typeof claimed === 'string' ? claimed : { header, claimed }
}

/**
 * Whether a token says nothing of itself, so that an issuer has to be asked. What has the form of a JWT and names an
 * issuer is none, whatever else is wrong with it: another issuer's token must not be carried to one of ours.
 */
export function isOpaque(token: string): boolean {
  const [header, claims, signature, ...more] = token.split('.', 4)
  if (header === undefined || claims === undefined || signature === undefined || more.length > 0) return true
  const jose = objectInPart(header)
  if (jose === undefined) return true
  // Made to look like a JWT: issuers do not know what to say of it.
  if (typeof jose['alg'] !== 'string') return false
  const said = objectInPart(claims)
  return said !== undefined && !Object.hasOwn(said, 'iss')
}
