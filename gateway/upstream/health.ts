import { performance } from 'node:perf_hooks'
import { CallWindow } from './call-window.ts'

/** Initial value of the times in {@link Health}, ms of the monotonic clock: a time long in the past. */
export const LONG_AGO = -1e12

/**
 * Passive health of one upstream. The first failed connection starts a back-off of 1 s, and each further failure
 * doubles the back-off, up to 16 s. Failures during a back-off are not counted: a burst of calls counts as one failure.
 *
 * Outcomes of calls are counted for the services that compare their upstreams. Several services can share an upstream:
 * each service decides by its own rules whether it ejects the upstream.
 */
export class Health {
  #failures = 0
  /** End of the back-off, ms of the monotonic clock. `Balancer` prefers other upstreams until this time. */
  restUntil = 0
  /** Time of the first reply after a back-off, ms of the monotonic clock. */
  returnedAt = LONG_AGO
  /** Number of consecutive calls without a reply. */
  failuresInRow = 0
  /** Number of consecutive calls without a reply, or with a status from 500 to 599. */
  errorsInRow = 0
  /** True when a service with several upstreams uses the upstream, so that outcomes of calls are counted. */
  isCompared = false
  readonly window = new CallWindow()

  /** Records the head of a reply: resets the failure count and ends the back-off. */
  succeeded(status = 200): void {
    if (this.#failures > 0) this.returnedAt = performance.now()
    this.#failures = 0
    this.restUntil = 0
    this.failuresInRow = 0
    const isError = status >= 500
    if (isError) this.errorsInRow++
    else this.errorsInRow = 0
    if (this.isCompared) this.window.count(isError)
  }

  /** Records that a connection to the upstream could not be established. */
  failed(): void {
    const now = performance.now()
    if (now < this.restUntil) return
    this.restUntil = now + 1000 * 2 ** Math.min(this.#failures++, 4)
    this.#count()
  }

  /** Records that a call got no complete reply, because its connection was lost or a timeout ended it. */
  broke(): void {
    this.#count()
  }

  /** Records the latency of a call without a body: the time from sending the request to the head of its reply, ms. */
  timed(ms: number): void {
    if (this.isCompared) this.window.time(ms)
  }

  #count(): void {
    this.failuresInRow++
    this.errorsInRow++
    if (this.isCompared) this.window.count(true)
  }

  /** Discards the outcomes of earlier calls. A back-off continues. */
  forget(): void {
    this.failuresInRow = 0
    this.errorsInRow = 0
    this.window.clear()
  }
}
