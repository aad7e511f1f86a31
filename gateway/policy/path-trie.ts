import type { PathPattern } from './path-pattern.ts'
import type { Route } from './snapshot.ts'

/** Routes that share one path pattern, by method. */
interface PatternRoutes {
  readonly byMethod: Map<string, Route>
  /** When true, a request whose method has no route in this pattern can match a less literal pattern. */
  fallThrough: boolean
}

interface Node {
  readonly literals: Map<string, Node>
  star: Node | undefined
  /** Routes whose path pattern ends at this node of the trie. */
  readonly ending: PatternRoutes
  /** Routes whose path pattern is the path of this node of the trie, followed by `**`. */
  readonly open: PatternRoutes
}

/**
 * Result of a look-up when the most literal matching pattern has no route for the method. No less literal pattern is
 * tried.
 */
export const methodNotMapped = 'method-not-mapped'

/**
 * Routes of one host, by path segments.
 *
 * The most literal pattern that matches a path wins, whatever its methods. A less strict route therefore never admits a
 * method that a stricter, more literal route of the same path omits. Only `fall_through` lets the next pattern match
 * other methods.
 *
 * A look-up tries a literal before `*` before `**` at each segment. It backtracks only where a literal and `*` are
 * alternatives. The time is linear in the path for patterns without `*`, and never exceeds the number of matching
 * patterns.
 */
export class PathTrie {
  readonly #root = newNode()

  /**
   * Adds a route under its path pattern.
   *
   * @returns the existing routes that match the same requests with the same pattern; if there are any, the route is not
   *   added
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

  /** Returns the routes with exactly this path pattern. */
  routesOf(pattern: PathPattern): Route[] {
    return [...new Set(this.#routesOf(pattern).byMethod.values())]
  }

  /**
   * Finds the route for a path and a method.
   *
   * @param path  path in normal form
   * @returns the route, or `methodNotMapped`. `undefined` when no pattern matches the path, or when every matching
   *   pattern has `fall_through` and no route for the method
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

/**
 * Finds a route below a node of the path trie.
 *
 * @param start  index in `path` of the next segment; greater than the length of the path after the last segment
 */
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

/**
 * Returns the route of a path pattern for the method.
 *
 * @returns `undefined` when the pattern has no routes, or has `fall_through` and no route for the method
 */
function routeIn({ byMethod, fallThrough }: PatternRoutes, method: string): Route | typeof methodNotMapped | undefined {
  const route = byMethod.get(method)
  if (route !== undefined) return route
  return byMethod.size === 0 || fallThrough ? undefined : methodNotMapped
}
