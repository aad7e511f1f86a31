type Claims = Readonly<Record<string, unknown>>

/**
 * The claim at `path`; `undefined` if it does not exist. Reads own properties only, so that `__proto__` or
 * `constructor` in a path or a token finds nothing. Does not descend into arrays.
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
