import type { Derived, TokenFacts } from '../oauth/token-facts.ts'

/** Most services for which one token's facts keep derived data. Data for further services is derived again. */
const maxDerived = 8

/**
 * Returns the data that a service derives from a token. It is created on first use and kept with the facts. After a
 * policy change the service is a new object, so its data is derived again.
 *
 * @param rolesIn  maps claims to roles; called only on first use. Pass one shared function, not a closure per exchange
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
