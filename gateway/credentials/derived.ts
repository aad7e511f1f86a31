import type { Derived, TokenFacts } from '../oauth/token-facts.ts'

/** Services that one token's facts remember. More only cost deriving again. */
const maxDerived = 8

/**
 * What the service makes of the token: made at its first use there, and kept with the facts. A service of another
 * snapshot is another object, so a changed policy derives anew.
 *
 * @param roles  maps the claims; called only when there is nothing yet
 */
export function derivedFor(facts: TokenFacts, service: object, roles: () => ReadonlySet<string>): Derived {
  const { derived } = facts
  for (let i = derived.length - 1; i >= 0; i--) {
    if (derived[i]!.service === service) return derived[i]!
  }
  const made: Derived = { service, roles: roles(), assertion: '', assertionRenewAtMs: 0 }
  if (derived.length === maxDerived) derived.shift()
  derived.push(made)
  return made
}
