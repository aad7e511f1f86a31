import { performance } from 'node:perf_hooks'

const FAILURES_MAX = 3
const BACKOFF_MIN_MS = 500
const BACKOFF_MAX_MS = 8000

/**
 * Back-off for an issuer that does not answer, so that requests do not wait for it one after the other. Only a missing
 * reply counts. A reply may concern one token only, and an invalid token must not block all others. A rate-limit reply
 * slows questions down instead (`QuestionRate`).
 */
export class Backoff {
  #failures = 0
  #pauseMs = BACKOFF_MIN_MS
  #untilMs = 0

  /** Uses the monotonic clock. */
  get resting(): boolean {
    return performance.now() < this.#untilMs
  }

  answered(): void {
    this.#failures = 0
    this.#pauseMs = BACKOFF_MIN_MS
    this.#untilMs = 0
  }

  /** Counts a failure: the issuer was unreachable or did not answer in time. */
  silent(): void {
    // Concurrent failures during a back-off count once.
    if (this.resting || ++this.#failures < FAILURES_MAX) return
    this.#untilMs = performance.now() + this.#pauseMs
    this.#pauseMs = Math.min(this.#pauseMs * 2, BACKOFF_MAX_MS)
  }
}
