import { claimAt } from './claim-at.ts'
import type { RoleMapping } from './snapshot.ts'

type Claims = Readonly<Record<string, unknown>>

/**
 * Returns the roles that the claims grant. A mapping grants its role if its claim equals one of its values, or is a
 * list that contains one of its values.
 */
export function rolesOf(mappings: readonly RoleMapping[], claims: Claims): ReadonlySet<string> {
  const roles = new Set<string>()
  for (const { name, path, any } of mappings) {
    const claim = claimAt(claims, path)
    if (typeof claim === 'string' ? any.has(claim) : Array.isArray(claim) && claim.some((value) => any.has(value))) {
      roles.add(name)
    }
  }
  return roles
}
