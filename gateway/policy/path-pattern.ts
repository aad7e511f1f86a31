import { normalizePath } from './path-form.ts'
import { reservedPrefixOf } from './reserved-paths.ts'

/** A parsed path pattern of a route. */
export interface PathPattern {
  /**
   * Segments of the path pattern: the texts between slashes, without a final `**`. The pattern `/` has one empty
   * segment. The segment `*` matches any non-empty segment.
   */
  readonly segments: readonly string[]
  /** True when the path pattern ends in `**`. The pattern then matches the path before `**` and every path below it. */
  readonly open: boolean
}

/**
 * Parses the path pattern of a route.
 *
 * @returns the parsed pattern, or an error message when the pattern is invalid
 */
export function readPathPattern(text: string): PathPattern | string {
  if (!text.startsWith('/')) return 'must start with /'
  const segments = text.slice(1).split('/')
  const open = segments.at(-1) === '**'
  if (open) segments.pop()
  for (const segment of segments) {
    if (segment === '**') return 'may have ** only as its last segment'
    if (segment !== '*' && segment.includes('*')) return 'may have * only as a whole segment'
  }
  const normal = normalizePath(text)
  if (typeof normal !== 'string') return `is a path that the gate rejects in every request (${normal.reason})`
  if (normal !== text) return `must be in normal form: ${normal}`
  const taken = reservedPrefixOf(text)
  if (taken !== undefined) return `is below ${taken}, a path that is reserved for the gate`
  return { segments, open }
}

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/**
 * Returns an error message for an invalid host pattern, else `undefined`. Valid are a lower-case host name, an IP
 * address (IPv6 in brackets), and `*.` followed by a host name.
 */
export function hostFault(text: string): string | undefined {
  if (/^\[[0-9a-f:.]+\]$/.test(text)) return undefined
  if (text !== text.toLowerCase()) return 'must be in lower case, as hosts are compared'
  if (text.includes(':')) return 'must not have a port, because requests match by host name only'
  const name = text.startsWith('*.') ? text.slice(2) : text
  return name.split('.').every((part) => label.test(part)) ? undefined : 'must be a host name, or *. and a host name'
}
