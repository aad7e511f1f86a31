import type { PathPattern } from './path-pattern.ts'
import type { Route } from './snapshot.ts'

interface Node {
  readonly literals: Map<string, Node>
  star: Node | undefined
  /** Routes whose pattern ends here, by method. */
  readonly ending: Map<string, Route>
  /** Routes whose pattern goes on from here by `**`, by method. */
  readonly open: Map<string, Route>
}

/**
 * The routes of one host by the segments of their paths.
 *
 * A look-up goes segment by segment, literal before `*` before `**`, and turns back only where a `*` stands beside a
 * literal: linear in the path for patterns without `*`, and never more steps than there are patterns that fit.
 */
export class PathTrie {
  readonly #root = newNode()

  /** @returns the routes that already match the same requests by the same pattern; then nothing of it has been added */
  add({ segments, open }: PathPattern, route: Route): ReadonlySet<Route> {
    let node = this.#root
    for (const segment of segments) node = childOf(node, segment)
    const byMethod = open ? node.open : node.ending
    const rivals = new Set<Route>()
    for (const method of route.methods) {
      const rival = byMethod.get(method)
      if (rival !== undefined) rivals.add(rival)
    }
    if (rivals.size === 0) for (const method of route.methods) byMethod.set(method, route)
    return rivals
  }

  /** @param path  in normal form */
  find(path: string, method: string): Route | undefined {
    return findFrom(this.#root, path, 1, method)
  }
}

function newNode(): Node {
  return { literals: new Map(), star: undefined, ending: new Map(), open: new Map() }
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
function findFrom(node: Node, path: string, start: number, method: string): Route | undefined {
  if (start > path.length) return node.ending.get(method) ?? node.open.get(method)
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
  return node.open.get(method)
}
