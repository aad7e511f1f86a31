import { validateClaims } from '../../../gateway/oauth/access-token.ts'
import { neverIntrospected, noRevocationLookup, noTexts, type TokenFacts } from '../../../gateway/oauth/token-facts.ts'
import { claimsOf, nowMs, rulesOf } from './token-text.ts'

/**
 * Returns the facts of a valid token in the form that the verifier produces.
 *
 * @param changes  changed claims; `undefined` removes a claim
 * @param live     whether the issuer still publishes the signing key
 */
export function factsOf(changes: Record<string, unknown> = {}, atMs = nowMs, live = true): TokenFacts {
  // Reading the claims back from JSON drops members that are `undefined`.
  const judged = validateClaims(JSON.parse(JSON.stringify(claimsOf(changes))), rulesOf(), atMs)
  if (typeof judged === 'string') throw new Error(judged)
  return {
    ...judged,
    key: { live },
    introspection: neverIntrospected,
    derived: [],
    revocation: noRevocationLookup(),
    texts: noTexts(),
  }
}
