import { claimAt } from './claim-at.ts'
import type { RoleMapping } from './snapshot.ts'

type Claims = Readonly<Record<string, unknown>>

/** The roles that the claims grant. A mapping applies if its claim equals one of its values or is a list with one. */
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
