import { normalizePath } from './path-form.ts'
import { reservedPrefixOf } from './reserved-paths.ts'

/** A path as the policy writes it. */
export interface PathPattern {
  /** What stands between slashes: `/` is one empty segment. `*` is any one that is not empty. Without a final `**`. */
  readonly segments: readonly string[]
  /** Ends in `**`: anything below, and the path itself. */
  readonly open: boolean
}

/** Reads a pattern. @returns what is wrong with it, when something is */
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
  if (typeof normal !== 'string') return `would be refused in every request (${normal.reason})`
  if (normal !== text) return `must be in normal form: ${normal}`
  const taken = reservedPrefixOf(text)
  if (taken !== undefined) return `lies under ${taken}, where the gate answers itself`
  return { segments, open }
}

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** What is wrong with a host pattern: a name in lower case, an address, or `*.` and a name. */
export function hostFault(text: string): string | undefined {
  if (/^\[[0-9a-f:.]+\]$/.test(text)) return undefined
  if (text !== text.toLowerCase()) return 'must be in lower case, as hosts are compared'
  if (text.includes(':')) return 'must not have a port: requests match by name alone'
  const name = text.startsWith('*.') ? text.slice(2) : text
  return name.split('.').every((part) => label.test(part)) ? undefined : 'must be a host name, or *. and a host name'
}
