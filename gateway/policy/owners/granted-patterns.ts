import { type PathPattern, readPathPattern } from '../path-pattern.ts'

/**
 * Whether the owner of a service is allowed to use all hosts that a route matches. `undefined` stands for a route that
 * matches every host.
 */
export function isHostGranted(host: string | undefined, granted: readonly string[]): boolean {
  return granted.some((pattern) => {
    if (pattern === '*') return true
    if (host === undefined) return false
    if (pattern === host) return true
    const dot = host.indexOf('.')
    return pattern.startsWith('*.') && dot > 0 && host.slice(dot) === pattern.slice(1)
  })
}

/**
 * Whether one of the path patterns that the owner is allowed to use covers all paths that a route's pattern matches.
 */
export function isPathGranted(path: string, granted: readonly string[]): boolean {
  const pattern = readPathPattern(path)
  if (typeof pattern === 'string') return false
  return granted.some((text) => {
    const wide = readPathPattern(text)
    return typeof wide !== 'string' && isWithinPattern(pattern, wide)
  })
}

function isWithinPattern(narrow: PathPattern, wide: PathPattern): boolean {
  const { length } = wide.segments
  if (narrow.segments.length < length) return false
  const starts = wide.segments.every((segment, i) => {
    const own = narrow.segments[i]!
    // Treat the empty segment separately: `*` matches any segment except the empty one.
    return segment === own || (segment === '*' && own !== '')
  })
  return starts && (wide.open || (!narrow.open && narrow.segments.length === length))
}
