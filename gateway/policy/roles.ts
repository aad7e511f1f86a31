import type { RoleMapping } from './snapshot.ts'

type Claims = Readonly<Record<string, unknown>>

/**
 * The roles that the claims give: for each mapping whose claim is, or as a list contains, one of its values.
 *
 * Only a claim's own members are followed, so that `__proto__` or `constructor` in a path or in a token find nothing.
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

function claimAt(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims
  for (const segment of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    if (!Object.hasOwn(value, segment)) return undefined
    value = (value as Claims)[segment]
  }
  return value
}
