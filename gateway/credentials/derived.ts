import type { Derived, TokenFacts } from '../oauth/token-facts.ts'

/**
 * Maximum number of services whose derived data, such as roles, is stored with the facts of one token. Data for a
 * further service replaces the oldest data, which is derived again when needed.
 */
const maxDerived = 8

/**
 * Returns the data that the gate derives from a token for one service, such as roles. The data is created at its first
 * use and stored with the token facts. After a policy change the service is a new object, so its data is derived again.
 *
 * @param rolesIn  maps claims to roles; called only at the first use. Pass one shared function, not a closure per
 *   exchange
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
