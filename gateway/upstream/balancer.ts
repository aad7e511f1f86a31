import { performance } from 'node:perf_hooks'
import type { PooledTarget } from './target.ts'

/** Round-robin over the upstreams of one service. Skips an upstream that is in back-off after a failed connection. */
export class Balancer {
  /** Upstreams of the service. Replaced when the certificates of the service change. */
  targets: readonly PooledTarget[]
  #turn = 0

  /** @param targets  upstreams of the service, at least one */
  constructor(targets: readonly PooledTarget[]) {
    this.targets = targets
  }

  /**
   * Returns the next upstream that is not in back-off. When every upstream is in back-off, returns the next one anyway:
   * the attempt can succeed, and a failed attempt gives a more precise error.
   */
  next(): PooledTarget {
    const { targets } = this
    const count = targets.length
    if (count === 1) return targets[0]!
    const start = this.#turn
    this.#turn = (start + 1) % count
    const now = performance.now()
    for (let i = 0; i < count; i++) {
      const target = targets[(start + i) % count]!
      if (target.health.restUntil <= now) return target
    }
    return targets[start]!
  }
}
