/** Values of the named segments of a path, percent-decoded. */
export type PathParameters = Readonly<Record<string, string>>

/**
 * Compares a path with a template such as `/exchanges/:id`.
 *
 * @returns the values of the named segments; `undefined` when the path does not match
 */
export function matchPath(template: string, path: string): PathParameters | undefined {
  const wanted = template.split('/')
  const given = path.split('/')
  if (given.length !== wanted.length) return undefined
  const found: Record<string, string> = {}
  for (const [i, part] of wanted.entries()) {
    if (!part.startsWith(':')) {
      if (part !== given[i]) return undefined
      continue
    }
    const value = decoded(given[i]!)
    if (!value) return undefined
    found[part.slice(1)] = value
  }
  return found
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
