import { performance } from 'node:perf_hooks'

/**
 * Passive health of one upstream. The first failed connection starts a back-off of 1 s, and each further failure
 * doubles the back-off, up to 16 s. Failures during a back-off are not counted: a burst of calls counts as one failure.
 */
export class Health {
  #failures = 0
  /** End of the back-off, ms of the monotonic clock. `Balancer` prefers other upstreams until this time. */
  restUntil = 0

  /** Records a reply: resets the failure count and ends the back-off. */
  succeeded(): void {
    this.#failures = 0
    this.restUntil = 0
  }

  /** Records that a connection to the upstream could not be established. */
  failed(): void {
    const now = performance.now()
    if (now >= this.restUntil) this.restUntil = now + 1000 * 2 ** Math.min(this.#failures++, 4)
  }
}
