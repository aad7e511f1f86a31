import type { PolicySource } from '../config/policy.ts'
import { maxProblems, type Problem, problem } from '../config/problem.ts'
import type { RequirementTree } from '../config/requirement-entry.ts'
import type { RouteEntry } from '../config/route-entry.ts'
import { type PathPattern, readPathPattern } from './path-pattern.ts'
import type { Route, Snapshot } from './snapshot.ts'

/** A segment that no policy writes. */
const anySegment = 'gatehouse-any-segment'
const unnamedHost = 'gatehouse-any-host.invalid'

/** A route with all that is compared. */
interface Candidate {
  readonly route: Route
  readonly pattern: PathPattern
  /** What a request has to meet, one text for each part; `undefined`: public. */
  readonly demands: ReadonlySet<string> | undefined
  readonly at: readonly (string | number)[]
}

/**
 * Finds routes by which the paths of a stronger route are reached under other hosts: the same upstream, a path pattern that is
 * as literal or less, and demands that leave out one of the stronger route. Methods of the same host are no such way, since the
 * more literal pattern answers 405.
 *
 * @param snapshot  compiled from `source`
 * @returns one problem for each pair (the first 100), at the `match` of the weaker route
 */
export function weakerRoutes(source: PolicySource, snapshot: Snapshot): Problem[] {
  const hosts = hostsOf(snapshot)
  const problems: Problem[] = []
  for (const [stronger, weaker] of pairsOf(candidatesOf(source, snapshot))) {
    const under = reachedUnder(stronger, weaker, hosts, snapshot)
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
    return [{ route, pattern, demands: demandsOf(entries[index]!, route), at: [...at, index] }]
  })
}

/**
 * Routes of different hosts whose services have an upstream in common, and whose patterns begin alike: in both orders, each
 * pair once. There may be millions of pairs in a policy, so that they are told apart cheaply.
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

/** False where no path can match both. */
function beginAlike({ segments: [a] }: PathPattern, { segments: [b] }: PathPattern): boolean {
  return a === b || a === undefined || b === undefined || a === '*' || b === '*'
}

/** How the hosts are called under which the weaker route takes requests for a path of the stronger one; else `undefined`. */
function reachedUnder(
  stronger: Candidate,
  weaker: Candidate,
  hosts: ReadonlyMap<string, string>,
  snapshot: Snapshot,
): string | undefined {
  if (stronger.demands === undefined) return undefined
  const paths = commonPaths(stronger.pattern, weaker.pattern)
  if (paths.length === 0) return undefined
  const methods = methodsInQuestion(stronger, weaker)
  for (const [host, name] of hosts) {
    // There it is the stronger route that lets other methods fall through.
    if (isMoreLiteral(stronger.route.host, weaker.route.host) && matches(stronger.route.host, host)) continue
    for (const path of paths) {
      if (methods.some((method) => snapshot.match(host, path, method) === weaker.route)) return name
    }
  }
  return undefined
}

/** A public route is weaker for each of its methods; another one for those that both take, if it leaves out a demand. */
function methodsInQuestion(stronger: Candidate, { route, demands }: Candidate): string[] {
  if (demands === undefined) return [...route.methods]
  const accepted = stronger.route.service.issuers
  const demandsAll = [...stronger.demands!].every((demand) => demands.has(demand))
  if (demandsAll && [...route.service.issuers].every((issuer) => accepted.has(issuer))) return []
  return [...route.methods].filter((method) => stronger.route.methods.has(method))
}

/** One host for each pattern of the policy, and one that none names; with what each is called. */
function hostsOf({ routes }: Snapshot): Map<string, string> {
  const hosts = new Map<string, string>()
  for (const { host } of routes) {
    if (host !== undefined) hosts.set(host.startsWith('*.') ? `${anySegment}${host.slice(1)}` : host, `host ${host}`)
  }
  return hosts.set(unnamedHost, 'a host that no route names')
}

function isMoreLiteral(host: string | undefined, than: string | undefined): boolean {
  const rank = (one: string | undefined) => (one === undefined ? 2 : one.startsWith('*.') ? 1 : 0)
  return rank(host) < rank(than)
}

function matches(pattern: string | undefined, host: string): boolean {
  if (pattern?.startsWith('*.') === true) return host.slice(host.indexOf('.')) === pattern.slice(1)
  return pattern === undefined || pattern === host
}

/**
 * Paths that both patterns match; none unless the first pattern is at least as literal where they differ first.
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
      // `*` matches no empty segment.
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

function demandsOf({ require, addresses }: RouteEntry, { service }: Route): ReadonlySet<string> | undefined {
  if (require === 'public') return addresses === undefined ? undefined : new Set([textOf('addresses', addresses)])
  const own = addresses === undefined ? [] : [textOf('addresses', addresses)]
  return new Set([...own, ...partsOf(require, service.id)])
}

/** The parts that all have to be met. @param service  its role names mean something there alone */
function partsOf(tree: RequirementTree, service: string): string[] {
  const { all, scopes, roles, claims, headers, ...rest } = tree
  if (all !== undefined) return all.flatMap((part) => partsOf(part, service))
  if (scopes !== undefined) return namesOf('scopes', scopes)
  if (roles !== undefined) return namesOf(`roles of ${service}`, roles)
  if (claims !== undefined) return claims.map((claim) => textOf('claim', claim))
  if (headers !== undefined) return Object.entries(headers).map((header) => textOf('header', header))
  return [textOf('requirement', rest)]
}

function namesOf(
  kind: string,
  { all = [], any }: { all?: readonly string[] | undefined; any?: readonly string[] | undefined },
) {
  const one = any === undefined ? [] : [textOf(`any ${kind}`, any.toSorted())]
  return [...all.map((name) => textOf(kind, name)), ...one]
}

function textOf(kind: string, value: unknown): string {
  return `${kind} ${JSON.stringify(value)}`
}
