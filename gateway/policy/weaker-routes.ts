import { maxProblems, type Problem, problem } from '../config/problem.ts'
import { type PathPattern, readPathPattern } from './path-pattern.ts'
import type { PolicySource } from './policy-source.ts'
import { conditionsOf } from './requirements/conditions-of.ts'
import { conditionText } from './requirements/requirement-kind.ts'
import { anySegment, matchesHost, unnamedHost } from './sample-targets.ts'
import type { RouteEntry } from './services/route-entry.ts'
import type { Route, Snapshot } from './snapshot.ts'

/** A route with the properties by which it is compared with other routes. */
interface Candidate {
  readonly route: Route
  readonly pattern: PathPattern
  /**
   * Conditions of the route's requirement, one text each; a request must meet all of them. `undefined` for a public
   * route.
   */
  readonly demands: ReadonlySet<string> | undefined
  readonly at: readonly (string | number)[]
}

/** Facts about a policy that the comparison of two routes needs. */
interface KnownPolicy {
  readonly snapshot: Snapshot
  /** Sample hosts of the policy, each with its description. */
  readonly hosts: ReadonlyMap<string, string>
  /** Public routes of the policy. */
  readonly open: ReadonlySet<unknown>
}

/**
 * Finds routes that expose the paths of a stronger route under another host. Such a weaker route has the same upstream
 * and an equally or less literal path pattern. It lacks a condition of the stronger route, or accepts an additional
 * issuer. Under the same host this cannot happen: for other methods, the more literal pattern replies 405. A request
 * that a public route of the stronger route's host and service admits too is no exposure.
 *
 * @param snapshot  snapshot compiled from `source`
 * @returns one problem per pair of routes (the first 100), at the `match` of the weaker route
 */
export function weakerRoutes(source: PolicySource, snapshot: Snapshot): Problem[] {
  const candidates = candidatesOf(source, snapshot)
  const open = new Set(candidates.flatMap(({ route, demands }) => (demands === undefined ? [route] : [])))
  const known = { snapshot, hosts: hostsOf(snapshot), open }
  const problems: Problem[] = []
  for (const [stronger, weaker] of pairsOf(candidates)) {
    const under = reachedUnder(stronger, weaker, known)
    if (under === undefined) continue
    const [strong, weak] = [stronger.route, weaker.route]
    const ofHost = strong.host === undefined ? 'which names no host' : `of host ${strong.host}`
    const message =
      `route ${weak.id} admits requests for ${strong.path} under ${under}, and demands less than route ${strong.id}, ` +
      `${ofHost} (service ${strong.service.id})`
    const hint = `give both routes the same host, or add a route for ${strong.path} that demands as much under ${under}`
    const at = [...weaker.at, 'match']
    problems.push(problem('GH_POLICY_WEAKER_ROUTE', message, at, source.locate(at), hint))
    if (problems.length === maxProblems) break
  }
  return problems
}

function candidatesOf({ document }: PolicySource, { routes }: Snapshot): Candidate[] {
  return routes.flatMap((route) => {
    const at = ['services', route.service.id, 'routes'] as const
    const entries = document.services[route.service.id]!.routes
    const index = entries.findIndex(({ id }) => id === route.id)
    const pattern = readPathPattern(route.path)
    if (typeof pattern === 'string') return []
    return [{ route, pattern, demands: conditionsOfRoute(entries[index]!, route), at: [...at, index] }]
  })
}

/**
 * Yields pairs of routes with different hosts, a common upstream and compatible first segments. Each pair occurs once
 * in each order. A policy can have millions of pairs, so this filter must be cheap.
 */
function* pairsOf(candidates: readonly Candidate[]): Generator<readonly [Candidate, Candidate]> {
  const byService = Map.groupBy(candidates, ({ route }) => route.service)
  for (const [service, own] of byService) {
    const origins = new Set(service.upstreams.map(({ origin }) => origin))
    const others = [...byService.keys()].filter(({ upstreams }) => upstreams.some(({ origin }) => origins.has(origin)))
    const near = others.flatMap((other) => byService.get(other)!)
    for (const one of own) {
      for (const other of near) {
        if (one.route.host !== other.route.host && beginAlike(one.pattern, other.pattern)) yield [one, other]
      }
    }
  }
}

/** Whether the first segments of two patterns are compatible. If not, no path can match both patterns. */
function beginAlike({ segments: [a] }: PathPattern, { segments: [b] }: PathPattern): boolean {
  return a === b || a === undefined || b === undefined || a === '*' || b === '*'
}

/**
 * Describes a host under which the weaker route accepts requests for a path of the stronger route; `undefined` if there
 * is no such host.
 */
function reachedUnder(stronger: Candidate, weaker: Candidate, known: KnownPolicy): string | undefined {
  const { snapshot, hosts } = known
  if (stronger.demands === undefined) return undefined
  const paths = commonPaths(stronger.pattern, weaker.pattern)
  if (paths.length === 0) return undefined
  const methods = methodsInQuestion(stronger, weaker)
  for (const [host, name] of hosts) {
    // Ignore a host of the stronger route: there, the weaker route matches only through the stronger route's own
    // `fall_through`.
    if (isMoreLiteral(stronger.route.host, weaker.route.host) && matchesHost(stronger.route.host, host)) continue
    for (const path of paths) {
      const reached = (method: string) => snapshot.match(host, path, method) === weaker.route
      if (methods.some((method) => reached(method) && !isPublicAnyway(stronger, path, method, known))) return name
    }
  }
  return undefined
}

/** Whether a public route of the stronger route's service admits a request under the stronger route's own host. */
function isPublicAnyway({ route }: Candidate, path: string, method: string, { snapshot, open }: KnownPolicy): boolean {
  const found = snapshot.match(sampleHost(route.host), path, method)
  return open.has(found) && 'service' in found && found.service === route.service
}

/**
 * Returns the methods for which the second route is weaker. A public route is weaker for all its methods. Any other
 * route is weaker for the methods that both routes accept, if it lacks a demand or its service accepts an additional
 * issuer.
 */
function methodsInQuestion(stronger: Candidate, { route, demands }: Candidate): string[] {
  if (demands === undefined) return [...route.methods]
  const accepted = stronger.route.service.issuers
  const demandsAll = [...stronger.demands!].every((demand) => demands.has(demand))
  if (demandsAll && [...route.service.issuers].every((issuer) => accepted.has(issuer))) return []
  return [...route.methods].filter((method) => stronger.route.methods.has(method))
}

/** Returns one sample host for each host pattern, and one host that no pattern names, each with its description. */
function hostsOf({ routes }: Snapshot): Map<string, string> {
  const hosts = new Map<string, string>()
  for (const { host } of routes) {
    if (host !== undefined) hosts.set(sampleHost(host), `host ${host}`)
  }
  return hosts.set(unnamedHost, 'a host that no route names')
}

/** Returns a sample host that matches a host pattern. */
function sampleHost(pattern: string | undefined): string {
  if (pattern === undefined) return unnamedHost
  return pattern.startsWith('*.') ? `${anySegment}${pattern.slice(1)}` : pattern
}

function isMoreLiteral(host: string | undefined, than: string | undefined): boolean {
  const rank = (one: string | undefined) => (one === undefined ? 2 : one.startsWith('*.') ? 1 : 0)
  return rank(host) < rank(than)
}

/**
 * Returns sample paths that both patterns match. The list is empty unless the first pattern is at least as literal as
 * the second at their first difference.
 */
function commonPaths(strong: PathPattern, weak: PathPattern): string[] {
  const common: string[] = []
  let decided = false
  for (let i = 0; ; i++) {
    const [a, b] = [strong.segments[i], weak.segments[i]]
    if (a === undefined && b === undefined) return pathsOf(common, strong.open && weak.open)
    if (a === undefined) {
      return strong.open && decided ? pathsOf([...common, ...weak.segments.slice(i)], weak.open) : []
    }
    if (b === undefined) return weak.open ? pathsOf([...common, ...strong.segments.slice(i)], strong.open) : []
    if (a !== b) {
      // Do not match an empty segment: the segment `*` in a pattern stands for a non-empty one.
      if ((a !== '*' && b !== '*') || a === '' || b === '') return []
      if (a === '*' && !decided) return []
      decided = true
    }
    common.push(a === '*' ? b : a)
  }
}

function pathsOf(segments: readonly string[], open: boolean): string[] {
  const path = segments.map((segment) => `/${segment === '*' ? anySegment : segment}`).join('')
  if (!open) return [path]
  return path === '' ? ['/', `/${anySegment}`] : [path, `${path}/${anySegment}`]
}

function conditionsOfRoute({ require, addresses }: RouteEntry, { service }: Route): ReadonlySet<string> | undefined {
  const own = addresses === undefined ? [] : [conditionText('addresses', addresses)]
  if (require === 'public') return own.length === 0 ? undefined : new Set(own)
  return new Set([...own, ...conditionsOf(require, service.id)])
}
