import { performance } from 'node:perf_hooks'

const FAILURES_MAX = 3
const BACKOFF_MIN_MS = 500
const BACKOFF_MAX_MS = 8000

/**
 * Back-off for calls to an issuer that sends no replies. During a back-off requests fail at once, instead of waiting
 * for the timeout one after the other. Only missing replies count. An error reply does not count: it can concern one
 * invalid token, which must not block all other tokens. After a rate-limit reply, requests are sent more slowly instead
 * (`QuestionRate`).
 */
export class Backoff {
  #failures = 0
  #pauseMs = BACKOFF_MIN_MS
  #untilMs = 0

  /** True during a back-off, in which the caller must send no request to the issuer. */
  get resting(): boolean {
    return performance.now() < this.#untilMs
  }

  answered(): void {
    this.#failures = 0
    this.#pauseMs = BACKOFF_MIN_MS
    this.#untilMs = 0
  }

  /**
   * Counts a failed call: the issuer was unreachable, or sent no reply in time. The back-off begins after 3
   * consecutive failed calls.
   */
  silent(): void {
    // Do not count a failed issuer call during a back-off: the call began before the back-off.
    if (this.resting || ++this.#failures < FAILURES_MAX) return
    this.#untilMs = performance.now() + this.#pauseMs
    this.#pauseMs = Math.min(this.#pauseMs * 2, BACKOFF_MAX_MS)
  }
}
