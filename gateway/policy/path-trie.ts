import type { PathPattern } from './path-pattern.ts'
import type { Route } from './snapshot.ts'

/** Routes of one pattern, by method. */
interface PatternRoutes {
  readonly byMethod: Map<string, Route>
  /** Requests of other methods go on to less literal patterns. */
  fallThrough: boolean
}

interface Node {
  readonly literals: Map<string, Node>
  star: Node | undefined
  /** Routes whose pattern ends here. */
  readonly ending: PatternRoutes
  /** Routes whose pattern goes on from here by `**`. */
  readonly open: PatternRoutes
}

/** The most literal pattern that matches the path has no route for the method: no other pattern is looked at. */
export const methodNotMapped = 'method-not-mapped'

/**
 * The routes of one host by the segments of their paths.
 *
 * The most literal pattern of the path wins, whatever its methods: a weaker route does not admit what a stronger one of the same
 * path leaves out. Only `fall_through` lets other methods go on to the next pattern.
 *
 * A look-up goes segment by segment, literal before `*` before `**`, and turns back only where a `*` stands beside a
 * literal: linear in the path for patterns without `*`, and never more steps than there are patterns that fit.
 */
export class PathTrie {
  readonly #root = newNode()

  /** @returns the routes that already match the same requests by the same pattern; then nothing of it has been added */
  add(pattern: PathPattern, route: Route): ReadonlySet<Route> {
    const routes = this.#routesOf(pattern)
    const { byMethod } = routes
    const rivals = new Set<Route>()
    for (const method of route.methods) {
      const rival = byMethod.get(method)
      if (rival !== undefined) rivals.add(rival)
    }
    if (rivals.size > 0) return rivals
    for (const method of route.methods) byMethod.set(method, route)
    routes.fallThrough = route.fallThrough
    return rivals
  }

  /** The routes of this very pattern. */
  routesOf(pattern: PathPattern): Route[] {
    return [...new Set(this.#routesOf(pattern).byMethod.values())]
  }

  /**
   * @param path  in normal form
   * @returns `undefined` where no pattern matches the path, or each that does lets other methods fall through
   */
  find(path: string, method: string): Route | typeof methodNotMapped | undefined {
    return findFrom(this.#root, path, 1, method)
  }

  #routesOf({ segments, open }: PathPattern): PatternRoutes {
    let node = this.#root
    for (const segment of segments) node = childOf(node, segment)
    return open ? node.open : node.ending
  }
}

function newNode(): Node {
  return { literals: new Map(), star: undefined, ending: noRoutes(), open: noRoutes() }
}

function noRoutes(): PatternRoutes {
  return { byMethod: new Map(), fallThrough: false }
}

function childOf(node: Node, segment: string): Node {
  if (segment === '*') {
    node.star ??= newNode()
    return node.star
  }
  let child = node.literals.get(segment)
  if (child === undefined) {
    child = newNode()
    node.literals.set(segment, child)
  }
  return child
}

/** @param start  where the next segment starts; behind the end of the path when there is none */
function findFrom(node: Node, path: string, start: number, method: string): Route | typeof methodNotMapped | undefined {
  if (start > path.length) return routeIn(node.ending, method) ?? routeIn(node.open, method)
  const slash = path.indexOf('/', start)
  const end = slash === -1 ? path.length : slash
  const literal = node.literals.get(path.slice(start, end))
  if (literal !== undefined) {
    const found = findFrom(literal, path, end + 1, method)
    if (found !== undefined) return found
  }
  if (node.star !== undefined && end > start) {
    const found = findFrom(node.star, path, end + 1, method)
    if (found !== undefined) return found
  }
  return routeIn(node.open, method)
}

/** @returns `undefined` where there is no such pattern, or it lets other methods fall through */
function routeIn({ byMethod, fallThrough }: PatternRoutes, method: string): Route | typeof methodNotMapped | undefined {
  const route = byMethod.get(method)
  if (route !== undefined) return route
  return byMethod.size === 0 || fallThrough ? undefined : methodNotMapped
}
