import { type Denial, denial } from '../base/denial.ts'
import { forwardedMethods } from '../base/methods.ts'
import type { PathPattern } from './path-pattern.ts'
import { methodNotMapped, PathTrie } from './path-trie.ts'
import type { MatchReason, Route } from './snapshot.ts'

const hostUnknown = denial('host-unknown')
const routeUnknown = denial('route-unknown')

/**
 * Routes of a policy, found by host, path and method. The most literal pattern that matches host and path wins. An
 * exact host is more literal than `*.host` (exactly one label), and `*.host` is more literal than no host. Paths are
 * compared segment by segment. If no route of the winning pattern accepts the method, the request gets 405, unless the
 * pattern has `fall_through`.
 *
 * @bound policy
 */
export class RouteTable {
  readonly #hosts = new Map<string, PathTrie>()
  /** Routes whose host pattern starts with `*.`, by the part of the pattern after `*.`. */
  readonly #wildcards = new Map<string, PathTrie>()
  #anyHost: PathTrie | undefined
  /** Denials with status 405, by the value of `Allow`. Routes with the same set of methods share one denial. */
  readonly #notMapped = new Map<string, Denial<'method-not-mapped'>>()

  /**
   * Adds a route to the route table.
   *
   * @returns the existing routes that match the same requests with the same pattern; if there are any, the route is not
   *   added
   */
  add(host: string | undefined, pattern: PathPattern, route: Route): ReadonlySet<Route> {
    return this.#trieFor(host).add(pattern, route)
  }

  /** Returns the routes that have exactly this host pattern and this path pattern. */
  routesOf(host: string | undefined, pattern: PathPattern): Route[] {
    return this.#trieFor(host).routesOf(pattern)
  }

  get namesHosts(): boolean {
    return this.#hosts.size > 0 || this.#wildcards.size > 0
  }

  #trieFor(host: string | undefined): PathTrie {
    if (host === undefined) {
      this.#anyHost ??= new PathTrie()
      return this.#anyHost
    }
    const [tries, name] = host.startsWith('*.') ? [this.#wildcards, host.slice(2)] : [this.#hosts, host]
    let trie = tries.get(name)
    if (trie === undefined) {
      trie = new PathTrie()
      tries.set(name, trie)
    }
    return trie
  }

  match(host: string, path: string, method: string): Route | Denial<MatchReason> {
    return this.#find(host, path, method) ?? this.#refuse(host, path)
  }

  /** Returns the routes that match this path with at least one method. */
  routesAt(host: string, path: string): readonly Route[] {
    const routes = new Set<Route>()
    for (const method of forwardedMethods) {
      const route = this.#find(host, path, method)
      if (route !== undefined) routes.add(route)
    }
    return [...routes]
  }

  /**
   * Returns the methods that routes accept at this path, in the form of the response field `Allow`; `''` if no route
   * accepts any.
   */
  methodsAt(host: string, path: string): string {
    return forwardedMethods.filter((method) => this.#find(host, path, method) !== undefined).join(', ')
  }

  #find(host: string, path: string, method: string): Route | undefined {
    const found =
      this.#hosts.get(host)?.find(path, method) ??
      this.#wildcardFor(host)?.find(path, method) ??
      this.#anyHost?.find(path, method)
    return found === methodNotMapped ? undefined : found
  }

  #wildcardFor(host: string): PathTrie | undefined {
    if (this.#wildcards.size === 0) return undefined
    const dot = host.indexOf('.')
    return dot < 1 ? undefined : this.#wildcards.get(host.slice(dot + 1))
  }

  #refuse(host: string, path: string): Denial<MatchReason> {
    const known = this.#anyHost ?? this.#hosts.get(host) ?? this.#wildcardFor(host)
    if (known === undefined) return hostUnknown
    const allow = this.methodsAt(host, path)
    if (allow === '') return routeUnknown
    let refusal = this.#notMapped.get(allow)
    if (refusal === undefined) {
      refusal = denial('method-not-mapped', { fields: [['allow', allow]] })
      this.#notMapped.set(allow, refusal)
    }
    return refusal
  }
}
