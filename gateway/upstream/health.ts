import { performance } from 'node:perf_hooks'

/**
 * Passive health of one upstream: it rests 1 s after the first connection that failed, twice as long after each further
 * one, up to 16 s. Failures while it rests count as one: a burst of calls says no more than its first.
 */
export class Health {
  #failures = 0
  /** Monotonic, ms: until then `Balancer` prefers another. */
  restUntil = 0

  /** The service answered. */
  succeeded(): void {
    this.#failures = 0
    this.restUntil = 0
  }

  /** No connection came up. */
  failed(): void {
    const now = performance.now()
    if (now >= this.restUntil) this.restUntil = now + 1000 * 2 ** Math.min(this.#failures++, 4)
  }
}
