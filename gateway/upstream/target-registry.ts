import type { Commit } from '../base/commit.ts'
import { Balancer } from './balancer.ts'
import { PlainTarget } from './plain-target.ts'
import type { PooledTarget } from './target.ts'
import { UndiciTarget } from './undici-target.ts'

/** What a service says about its upstreams. */
export interface UpstreamSettings {
  readonly upstreams: readonly URL[]
  /** For those of `http`. */
  readonly httpClient: 'own' | 'undici'
  /** Under way to one upstream. */
  readonly maxCalls: number
  /** In ms. */
  readonly timeouts: { readonly connectMs: number }
}

/** Balancers of a policy that is not in force yet. */
export interface PreparedBalancers {
  readonly balancers: Balancer[]
  readonly commit: Commit
}

/**
 * Keeps pools alive across changes of the policy: an upstream that is named as before keeps its connections, one that is
 * no longer named is closed after its last call.
 */
export class TargetRegistry {
  #targets = new Map<string, PooledTarget>()

  /** Replaces the targets by those of a policy. As {@link prepare}, in one step. */
  replace(services: readonly UpstreamSettings[]): Balancer[] {
    const { balancers, commit } = this.prepare(services)
    commit()
    return balancers
  }

  /**
   * Makes the balancers of a policy, one a service in order. The commit closes targets that the policy does not name.
   * Connections are opened by calls only.
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

  #targetOf(
    next: Map<string, PooledTarget>,
    origin: URL,
    { httpClient, maxCalls, timeouts }: UpstreamSettings,
  ): PooledTarget {
    const { connectMs } = timeouts
    const Target = origin.protocol === 'https:' || httpClient === 'undici' ? UndiciTarget : PlainTarget
    const key = `${origin.origin} ${connectMs} ${maxCalls} ${Target.name}`
    const target = next.get(key) ?? this.#targets.get(key) ?? new Target(origin, connectMs, maxCalls)
    next.set(key, target)
    return target
  }

  close(): void {
    for (const target of this.#targets.values()) target.close()
    this.#targets.clear()
  }
}
