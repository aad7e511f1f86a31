import { performance } from 'node:perf_hooks'

const FAILURES_MAX = 3
const REST_MIN_MS = 500
const REST_MAX_MS = 8000

/**
 * Leaves an issuer alone that does not answer, so that requests do not wait for it one after the other. Only silence
 * counts: a reply, whatever it says, may be about one token alone, and a stranger's token must not be able to close the way
 * for all others. An issuer that is asked too much is slowed down for instead (`QuestionRate`).
 */
export class Rest {
  #failures = 0
  #restMs = REST_MIN_MS
  #untilMs = 0

  /** By the monotonic clock. */
  get resting(): boolean {
    return performance.now() < this.#untilMs
  }

  answered(): void {
    this.#failures = 0
    this.#restMs = REST_MIN_MS
    this.#untilMs = 0
  }

  /** It could not be reached, or did not answer in time. */
  silent(): void {
    // Those that were under way together are one failure.
    if (this.resting || ++this.#failures < FAILURES_MAX) return
    this.#untilMs = performance.now() + this.#restMs
    this.#restMs = Math.min(this.#restMs * 2, REST_MAX_MS)
  }
}
