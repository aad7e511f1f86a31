import type { Commit } from '../base/commit.ts'
import { Balancer } from './balancer.ts'
import { Http1Target } from './http1-target.ts'
import type { PooledTarget } from './target.ts'

/** Settings of a service that concern its upstreams. */
export interface UpstreamSettings {
  readonly upstreams: readonly URL[]
  /** Maximum number of concurrent calls to one upstream. */
  readonly maxCalls: number
  /** Timeouts of new connections to the upstream, ms. */
  readonly timeouts: { readonly connectMs: number }
}

/** Balancers of a policy that is not active yet. */
export interface PreparedBalancers {
  readonly balancers: Balancer[]
  readonly commit: Commit
}

/**
 * Keeps connection pools across policy changes. An upstream with unchanged settings keeps its connections. An upstream
 * that the new policy does not name is closed after its last call.
 */
export class TargetRegistry {
  #targets = new Map<string, PooledTarget>()

  /** Activates the targets of a policy immediately: {@link prepare} and its commit in one step. */
  replace(services: readonly UpstreamSettings[]): Balancer[] {
    const { balancers, commit } = this.prepare(services)
    commit()
    return balancers
  }

  /**
   * Creates the balancers of a policy, one per service, in the same order. The commit closes the targets that the
   * policy does not name. Preparing opens no connection.
   */
  prepare(services: readonly UpstreamSettings[]): PreparedBalancers {
    const next = new Map<string, PooledTarget>()
    const balancers = services.map((service) => {
      return new Balancer(service.upstreams.map((origin) => this.#targetOf(next, origin, service)))
    })
    const commit = (): void => {
      for (const [key, target] of this.#targets) {
        if (!next.has(key)) target.close()
      }
      this.#targets = next
    }
    return { balancers, commit }
  }

  #targetOf(next: Map<string, PooledTarget>, origin: URL, { maxCalls, timeouts }: UpstreamSettings): PooledTarget {
    const { connectMs } = timeouts
    const key = `${origin.origin} ${connectMs} ${maxCalls}`
    const target = next.get(key) ?? this.#targets.get(key) ?? new Http1Target(origin, connectMs, maxCalls)
    next.set(key, target)
    return target
  }

  close(): void {
    for (const target of this.#targets.values()) target.close()
    this.#targets.clear()
  }
}
