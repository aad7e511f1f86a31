import type { Derived, TokenFacts } from '../oauth/token-facts.ts'

/** Services that one token's facts remember. More only cost deriving again. */
const maxDerived = 8

/**
 * What the service makes of the token: made at its first use there, and kept with the facts. A service of another
 * snapshot is another object, so a changed policy derives anew.
 *
 * @param rolesIn  maps the claims; called only when there is nothing yet. One function for all exchanges, not a closure
 */
export function derivedFor<Service extends object>(
  facts: TokenFacts,
  service: Service,
  rolesIn: (service: Service, facts: TokenFacts) => ReadonlySet<string>,
): Derived {
  const { derived } = facts
  for (let i = derived.length - 1; i >= 0; i--) {
    if (derived[i]!.service === service) return derived[i]!
  }
  const made: Derived = { service, roles: rolesIn(service, facts), limited: [], assertion: '', assertionRenewAtMs: 0 }
  if (derived.length === maxDerived) derived.shift()
  derived.push(made)
  return made
}
