import { normalizePath, refusedBy } from '../path-form.ts'
import type { PathPattern } from '../path-pattern.ts'
import type { PathRewrite, ServicePolicy } from '../snapshot.ts'
import type { RouteEntry } from './route-entry.ts'

export type RewriteEntry = NonNullable<RouteEntry['rewrite']>

/**
 * Returns the path that the service receives. Both prefixes consist of whole segments in normal form, and the other
 * segments are unchanged. The result is therefore in normal form, and never outside `addPrefix` (CVE-2021-21321).
 *
 * @param path  path in normal form that matches the pattern for which the rewrite was compiled
 */
export function rewritten(path: string, { stripPrefix, addPrefix }: PathRewrite): string {
  const rest = path.slice(stripPrefix.length)
  return addPrefix === '' && rest === '' ? '/' : addPrefix + rest
}

/** A problem in the `rewrite` of a route. */
export interface RewriteFault {
  readonly key: keyof RewriteEntry
  readonly message: string
}

/**
 * Compiles the path rewrite of a route.
 *
 * @param pattern  pattern of the route; `undefined` when the pattern is invalid. The rewrite is then not compared with
 *   it
 */
export function compileRewrite(
  { strip_prefix, add_prefix }: RewriteEntry,
  pattern: PathPattern | undefined,
  service: ServicePolicy,
): PathRewrite | readonly RewriteFault[] {
  const faults: RewriteFault[] = []
  for (const [key, prefix] of Object.entries({ strip_prefix, add_prefix }) as [
    keyof RewriteEntry,
    string | undefined,
  ][]) {
    const message = prefix === undefined ? undefined : prefixFault(prefix, service)
    if (message !== undefined) faults.push({ key, message })
  }
  if (faults.length === 0 && strip_prefix !== undefined && pattern !== undefined && !leads(strip_prefix, pattern)) {
    faults.push({
      key: 'strip_prefix',
      message: 'must consist of the first segments of every path that the route matches, such as /api for /api/**',
    })
  }
  return faults.length > 0 ? faults : { stripPrefix: strip_prefix ?? '', addPrefix: add_prefix ?? '' }
}

function prefixFault(prefix: string, service: ServicePolicy): string | undefined {
  if (!prefix.startsWith('/')) return 'must start with /'
  if (prefix.endsWith('/')) return 'must end with a whole segment, not with /'
  if (prefix.includes('*')) return 'must be literal, without *'
  const normal = normalizePath(prefix)
  if (typeof normal !== 'string') return `is a prefix that the gate rejects in requests (${normal.reason})`
  if (normal !== prefix) return `must be in normal form: ${normal}`
  const refused = refusedBy(service, prefix)
  return refused === undefined ? undefined : `is a path that service ${service.id} rejects (${refused.reason})`
}

/** Whether every path that the pattern matches is the prefix itself, or the prefix followed by `/`. */
function leads(prefix: string, { segments }: PathPattern): boolean {
  const wanted = prefix.slice(1).split('/')
  return wanted.every((segment, i) => segment === segments[i])
}
