import { type Denial, denial } from '../base/denial.ts'
import { forwardedMethods } from '../base/methods.ts'
import type { PathPattern } from './path-pattern.ts'
import { methodNotMapped, PathTrie } from './path-trie.ts'
import type { Route } from './snapshot.ts'

const hostUnknown = denial('host-unknown')
const routeUnknown = denial('route-unknown')

/**
 * The routes of a policy by host, path and method. The most literal pattern wins among those that match host and path: an
 * exact host before `*.host` (any one label) before none, then segment by segment. A method that no route of this pattern
 * takes is refused with 405, unless the pattern has `fall_through`.
 */
export class RouteTable {
  readonly #hosts = new Map<string, PathTrie>()
  /** By what follows the `*.`. */
  readonly #wildcards = new Map<string, PathTrie>()
  #anyHost: PathTrie | undefined
  /** By the value of `Allow`: as many as there are sets of methods, at most. */
  readonly #notMapped = new Map<string, Denial>()

  /** @returns the routes that already match the same requests by the same pattern; then nothing of it has been added */
  add(host: string | undefined, pattern: PathPattern, route: Route): ReadonlySet<Route> {
    return this.#trieFor(host).add(pattern, route)
  }

  /** The routes of this very host and path. */
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

  match(host: string, path: string, method: string): Route | Denial {
    return this.#find(host, path, method) ?? this.#refuse(host, path)
  }

  /** The routes that requests for this path can reach, whatever their method. */
  routesAt(host: string, path: string): readonly Route[] {
    const routes = new Set<Route>()
    for (const method of forwardedMethods) {
      const route = this.#find(host, path, method)
      if (route !== undefined) routes.add(route)
    }
    return [...routes]
  }

  /** Methods that a route takes at this path, as the value of `Allow`; `''` for none. */
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

  #refuse(host: string, path: string): Denial {
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
