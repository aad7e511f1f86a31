import { forwardedMethods } from '../../../base/methods.ts'
import { nameFrom } from '../plain-value.ts'
import type { DraftPublic, DraftUpstream, ProxyDraft } from './proxy-draft.ts'
import { hostService } from './proxy-upstream.ts'

type Requirement = 'public' | Readonly<Record<string, unknown>>

interface DraftRoute {
  readonly id: string
  readonly match: object
  readonly require: Requirement
}

/** Builds the services of the imported policy with their routes, by name. */
export function proxyServices(draft: ProxyDraft, protection: Requirement): Record<string, object> {
  const services = new Map<string, { upstreams: string[]; routes: DraftRoute[] }>()
  const ids = new Set<string>()
  for (const [pattern, upstream] of patternsOf(draft)) {
    for (const host of draft.hosts.length === 0 ? [undefined] : draft.hosts) {
      const { name, origin } = hostService(upstream, host)
      const service = services.get(name) ?? { upstreams: [origin], routes: [] }
      services.set(name, service)
      service.routes.push(...routesOf(pattern, host, upstream, draft, protection, ids))
    }
  }
  return Object.fromEntries(
    [...services].map(([name, { upstreams, routes }]) => [name, { upstreams, ...draft.service, routes }]),
  )
}

/**
 * Returns the path patterns of all imported upstreams and public paths. Each has the upstream that oauth2-proxy would
 * select: that with the longest path.
 */
function patternsOf({ upstreams, publicPaths }: ProxyDraft): Map<string, DraftUpstream> {
  const patterns = new Map(upstreams.map((upstream) => [patternOf(upstream), upstream]))
  const longestFirst = upstreams.toSorted((a, b) => b.path.length - a.path.length)
  for (const { patterns: open, base } of publicPaths) {
    for (const pattern of base === undefined ? open : [...open, base]) {
      const upstream = longestFirst.find(
        ({ path }) => path === pattern || (path.endsWith('/') && `${pattern}/`.startsWith(path)),
      )
      if (upstream !== undefined && !patterns.has(pattern)) patterns.set(pattern, upstream)
    }
  }
  return patterns
}

function patternOf({ path }: DraftUpstream): string {
  return path.endsWith('/') ? `${path}**` : path
}

function routesOf(
  pattern: string,
  host: string | undefined,
  { rewrite }: DraftUpstream,
  { publicPaths, websockets }: ProxyDraft,
  protection: Requirement,
  ids: Set<string>,
): DraftRoute[] {
  const path = nameFrom(pattern.replaceAll(/\/\*+/g, '').slice(1).replaceAll('/', '.'), 'all')
  const name = host === undefined ? path : `${nameFrom(host, 'host')}.${path}`
  const open = publicMethods(pattern, publicPaths)
  const closed = forwardedMethods.filter((method) => !open.has(method))
  const route = (suffix: string, methods: readonly string[], require: Requirement): DraftRoute => ({
    id: freeId(name + suffix, ids),
    match: {
      ...(host !== undefined && { host }),
      path: pattern,
      ...(methods.length < forwardedMethods.length && { methods }),
    },
    require,
    ...(websockets && methods.includes('GET') && { websocket: {} }),
    ...(rewrite && { rewrite }),
  })
  return [
    ...(open.size > 0
      ? [
          route(
            '.public',
            [...open].filter((each) => each !== 'HEAD' || closed.length === 0),
            'public',
          ),
        ]
      : []),
    ...(closed.length > 0 ? [route('', closed, protection)] : []),
  ]
}

/** Returns the methods for which oauth2-proxy makes all paths of a pattern public. With GET, HEAD is public too. */
function publicMethods(pattern: string, publicPaths: readonly DraftPublic[]): Set<string> {
  const methods = new Set<string>()
  for (const each of publicPaths) {
    if (!each.patterns.some((open) => covers(open, each.base, pattern))) continue
    for (const method of each.methods ?? forwardedMethods) if (method !== 'HEAD') methods.add(method)
  }
  if (methods.has('GET')) methods.add('HEAD')
  return methods
}

/**
 * Whether the public pattern `open` matches every path that `pattern` matches.
 *
 * @param base  path that `open` matches although it is not public
 */
function covers(open: string, base: string | undefined, pattern: string): boolean {
  if (open === pattern) return true
  if (!open.endsWith('/**') || pattern === base) return false
  const prefix = open.slice(0, -2)
  return pattern.startsWith(prefix) || pattern === prefix.slice(0, -1)
}

function freeId(wanted: string, ids: Set<string>): string {
  let id = wanted
  for (let i = 2; ids.has(id); i++) id = `${wanted}-${i}`
  ids.add(id)
  return id
}
