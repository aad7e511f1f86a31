import { performance } from 'node:perf_hooks'

const FAILURES_MAX = 3
const BACKOFF_MIN_MS = 500
const BACKOFF_MAX_MS = 8000

/**
 * Back-off for calls to an issuer that sends no replies, so that requests need not wait for its timeout one after the
 * other. Only missing replies count: a negative reply can concern a single invalid token, which must not block all
 * other tokens. After a rate-limit reply, requests are sent more slowly instead (`QuestionRate`).
 */
export class Backoff {
  #failures = 0
  #pauseMs = BACKOFF_MIN_MS
  #untilMs = 0

  /** True during a back-off. The time is measured by the monotonic clock. */
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
    // A failure during a back-off does not count: the call began before the back-off.
    if (this.resting || ++this.#failures < FAILURES_MAX) return
    this.#untilMs = performance.now() + this.#pauseMs
    this.#pauseMs = Math.min(this.#pauseMs * 2, BACKOFF_MAX_MS)
  }
}
