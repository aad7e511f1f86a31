import { validateClaims } from '../../../gateway/oauth/access-token.ts'
import { neverIntrospected, noRevocationLookup, noTexts, type TokenFacts } from '../../../gateway/oauth/token-facts.ts'
import { claimsOf, nowMs, rulesOf } from './token-text.ts'

/**
 * Facts of a good token, as a verification leaves them.
 *
 * @param changes  of its claims; `undefined` takes one away
 * @param live     its key is still published
 */
export function factsOf(changes: Record<string, unknown> = {}, atMs = nowMs, live = true): TokenFacts {
  // As read from a token: without what is undefined.
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
