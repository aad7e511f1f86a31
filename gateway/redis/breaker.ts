import { performance } from 'node:perf_hooks'

const FAILURES_MAX = 5
/**
 * The circuit breaker opens only when the failures span at least this time, ms. A process that was paused sees all its
 * pending calls time out together, which does not prove that Redis is unavailable.
 */
const MOMENT_MS = 100
const REST_MIN_MS = 250
const REST_MAX_MS = 4000

/**
 * Circuit breaker for a Redis server that accepts calls and does not reply. After 5 timeouts in a row, no call is sent
 * for 250 ms. Then one trial call is sent. A reply to the trial call closes the breaker. A timeout of the trial call
 * doubles the pause, up to 4 s.
 */
export class Breaker {
  #failures = 0
  #firstFailureMs = 0
  #restMs = REST_MIN_MS
  #open = false
  #restsUntilMs = 0
  #trying = false

  /**
   * Whether a call to Redis can be sent now. The first call allowed after a pause is the trial call. The caller of the
   * trial call must report the outcome with `replied`, `timedOut` or `broke`; until then every other call is refused.
   */
  allows(): boolean {
    if (!this.#open) return true
    if (this.#trying || performance.now() < this.#restsUntilMs) return false
    this.#trying = true
    return true
  }

  /** Records that the Redis server replied to a call. An error reply counts too. */
  replied(): void {
    this.#failures = 0
    this.#restMs = REST_MIN_MS
    this.#open = false
    this.#trying = false
  }

  /** Records that a call to Redis received no reply before its deadline. */
  timedOut(): void {
    this.#trying = false
    const nowMs = performance.now()
    if (this.#failures++ === 0) this.#firstFailureMs = nowMs
    if (this.#failures < FAILURES_MAX || nowMs - this.#firstFailureMs < MOMENT_MS) return
    this.#open = true
    this.#restsUntilMs = nowMs + this.#restMs
    this.#restMs = Math.min(this.#restMs * 2, REST_MAX_MS)
  }

  /**
   * Records that the connection to Redis broke. A pending trial call then has no result, and another trial call is
   * allowed.
   */
  broke(): void {
    this.#trying = false
  }
}
