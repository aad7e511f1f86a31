type Claims = Readonly<Record<string, unknown>>

/**
 * The claim at `path`; `undefined` where there is none. Only own members are followed, so that `__proto__` or
 * `constructor` in a path or in a token find nothing; lists are not entered.
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
