import { type PathPattern, readPathPattern } from './path-pattern.ts'
import type { Route } from './snapshot.ts'

/** Host and path of a sample request. The sample stands for all requests that match the same patterns. */
export interface SampleTarget {
  readonly host: string
  readonly path: string
}

/** Sample path segment that is assumed not to occur in any policy. */
export const anySegment = 'gatehouse-any-segment'
export const unnamedHost = 'gatehouse-any-host.invalid'

interface HostedPattern extends PathPattern {
  readonly host: string | undefined
}

/**
 * Generates sample requests (host and path) for the comparison of routes. For each possible request there is a sample
 * that matches exactly the same host and path patterns. There are about as many samples as patterns. Patterns with many
 * `*` can need more, so the caller sets a limit.
 */
export function* sampleTargets(routes: readonly Route[]): Generator<SampleTarget> {
  const patterns = distinctPatterns(routes)
  for (const host of sampleHosts(patterns)) {
    const near = patterns.filter((pattern) => matchesHost(pattern.host, host))
    for (const path of samplePaths('', near, 0)) yield { host, path }
  }
}

function distinctPatterns(routes: readonly Route[]): HostedPattern[] {
  const byText = new Map<string, HostedPattern>()
  for (const { host, path } of routes) {
    const pattern = readPathPattern(path)
    if (typeof pattern !== 'string') byText.set(`${host ?? ''} ${path}`, { ...pattern, host })
  }
  return [...byText.values()]
}

/** Returns one host for each host pattern, and one host that no pattern names. */
function sampleHosts(patterns: readonly HostedPattern[]): ReadonlySet<string> {
  const hosts = new Set([unnamedHost])
  for (const { host } of patterns) {
    if (host !== undefined) hosts.add(host.startsWith('*.') ? `${anySegment}${host.slice(1)}` : host)
  }
  return hosts
}

export function matchesHost(pattern: string | undefined, host: string): boolean {
  if (pattern?.startsWith('*.') === true)
    return host.indexOf('.') > 0 && host.slice(host.indexOf('.')) === pattern.slice(1)
  return pattern === undefined || pattern === host
}

/**
 * Generates the paths below a prefix.
 *
 * @param patterns  patterns that match the prefix and can match a longer path
 * @param depth  number of segments of the prefix
 */
function* samplePaths(prefix: string, patterns: readonly PathPattern[], depth: number): Generator<string> {
  if (depth > 0) yield prefix
  // Generate an empty segment only at the end of a path, because other paths are not in normal form.
  yield `${prefix}/`
  const segments = new Set([anySegment])
  for (const pattern of patterns) {
    const segment = pattern.segments[depth]
    if (segment !== undefined && segment !== '*' && segment !== '') segments.add(segment)
  }
  for (const segment of segments) {
    const path = `${prefix}/${segment}`
    const longer = patterns.filter((pattern) => canContinue(pattern, segment, depth))
    if (longer.some((pattern) => pattern.segments.length > depth)) yield* samplePaths(path, longer, depth + 1)
    else yield path
  }
}

function canContinue({ segments, open }: PathPattern, segment: string, depth: number): boolean {
  const own = segments[depth]
  return own === undefined ? open && segments.length <= depth : own === '*' || own === segment
}
