type Claims = Readonly<Record<string, unknown>>

/**
 * Returns the claim at `path`; `undefined` if it does not exist. Reads own properties only, so that a path with
 * `__proto__` or `constructor` finds nothing. Does not descend into arrays.
 */
export function claimAt(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims
  for (const segment of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    if (!Object.hasOwn(value, segment)) return undefined
    value = (value as Claims)[segment]
  }
  return value
}
