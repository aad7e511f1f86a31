import type { PathPattern } from './path-pattern.ts'
import type { Route } from './snapshot.ts'

/** The routes of one pattern, by method. */
interface PatternRoutes {
  readonly byMethod: Map<string, Route>
  /** Requests with other methods continue to less literal patterns. */
  fallThrough: boolean
}

interface Node {
  readonly literals: Map<string, Node>
  star: Node | undefined
  /** Routes whose pattern ends at this node. */
  readonly ending: PatternRoutes
  /** Routes whose pattern continues from this node with `**`. */
  readonly open: PatternRoutes
}

/** Result when the most literal matching pattern has no route for the method. No other pattern is tried. */
export const methodNotMapped = 'method-not-mapped'

/**
 * The routes of one host, by path segments.
 *
 * The most literal pattern that matches a path wins, whatever its methods. A weaker route therefore never admits a
 * method that a stronger route of the same path omits. Only `fall_through` passes other methods on to the next pattern.
 *
 * A look-up tries a literal before `*` before `**` at each segment, and backtracks only where `*` stands beside a
 * literal. Its cost is linear in the path for patterns without `*`, and never exceeds the number of matching patterns.
 */
export class PathTrie {
  readonly #root = newNode()

  /**
   * @returns the routes that already match the same requests with the same pattern; if there are any, nothing was added
   */
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

  /** The routes with exactly this pattern. */
  routesOf(pattern: PathPattern): Route[] {
    return [...new Set(this.#routesOf(pattern).byMethod.values())]
  }

  /**
   * @param path  in normal form
   * @returns `undefined` when no pattern matches the path, or each one that does has `fall_through`
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

/** @param start  index of the next segment; greater than the path length after the last segment */
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

/** @returns `undefined` when the pattern has no routes, or it passes other methods on */
function routeIn({ byMethod, fallThrough }: PatternRoutes, method: string): Route | typeof methodNotMapped | undefined {
  const route = byMethod.get(method)
  if (route !== undefined) return route
  return byMethod.size === 0 || fallThrough ? undefined : methodNotMapped
}
