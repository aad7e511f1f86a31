import { performance } from 'node:perf_hooks'
import type { PooledTarget } from './target.ts'

/** The upstreams of one service, taken in turn; one that could not be reached rests for a while. */
export class Balancer {
  readonly targets: readonly PooledTarget[]
  #turn = 0

  /** @param targets  at least one */
  constructor(targets: readonly PooledTarget[]) {
    this.targets = targets
  }

  /** The next that is not resting. When all rest, the next all the same: a try that fails tells more than a refusal. */
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
