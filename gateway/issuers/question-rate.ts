/** Minimum rate to which rate-limit replies of an issuer can lower introspection requests, requests per second. */
const LEAST_PER_S = 1
/**
 * Rate of introspection requests at which the limit ends: above it requests to the issuer are not limited, requests per
 * second.
 */
const MOST_PER_S = 10_000
/**
 * Fraction of growth: the rate of introspection requests rises each second by this fraction of the rate that it had
 * before its last decrease. After a halving it therefore takes about 5 s to rise to the old rate.
 */
const INCREASE = 0.1
/** Maximum accepted `Retry-After` of an issuer, ms. A wrong `Retry-After` must not slow down the requests for days. */
const RETRY_AFTER_MAX_MS = 5 * 60_000
/**
 * Length of the periods in which introspection requests are counted, and minimum time between two decreases of the
 * rate, ms. Issuers count requests over a second or more. Until the end of this time they can reply 429 although the
 * rate was lowered.
 */
const MEASURED_MS = 1000

/**
 * Limits the rate of introspection requests to an issuer. The rate is unlimited until the issuer sends a rate-limit
 * reply: 429 (RFC 6585 §4), or 503 with `Retry-After`. After that, a rate-limit reply halves the rate, at most once per
 * second. Between decreases the rate rises linearly (additive increase, multiplicative decrease). Until the end of
 * `Retry-After`, only one request at a time is sent.
 */
export class QuestionRate {
  readonly #now: () => number
  /** Current limit of introspection requests, requests per second; Infinity when the rate is not limited. */
  #perS = Number.POSITIVE_INFINITY
  /** Amount by which the rate of introspection requests rises each second, requests per second. */
  #risePerS = 1
  /** Time at which the rate `#perS` was computed; monotonic, ms. */
  #risenMs = 0
  /** Time of the last decrease of the request rate; monotonic, ms. */
  #decreasedMs = Number.NEGATIVE_INFINITY
  /** Number of introspection requests that can be sent now, with a fraction; at most 1. */
  #permits = 1
  #filledMs = 0
  #oneUntilMs = Number.NEGATIVE_INFINITY
  /**
   * Number of introspection requests sent in the current period of `MEASURED_MS`. `#sentBefore`: in the previous
   * period.
   */
  #sent = 0
  #sentBefore = 0
  #periodMs = Number.NEGATIVE_INFINITY

  /** @param now  returns the time of a monotonic clock, ms */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Current limit of introspection requests, requests per second; Infinity when the rate is not limited. */
  get perS(): number {
    this.#rise()
    return this.#perS
  }

  /** True until the end of the issuer's last `Retry-After`. Until then, only one request at a time is sent. */
  get oneAtATime(): boolean {
    return this.#now() < this.#oneUntilMs
  }

  /** Time until the next introspection request can be sent, ms. 0: now. */
  get waitMs(): number {
    this.#rise()
    if (this.#perS === Number.POSITIVE_INFINITY) return 0
    this.#fill()
    return this.#permits >= 1 ? 0 : Math.ceil(((1 - this.#permits) * 1000) / this.#perS)
  }

  /** Counts an introspection request that is sent now. */
  send(): void {
    this.#count()
    this.#sent++
    if (this.#perS === Number.POSITIVE_INFINITY) return
    this.#fill()
    this.#permits -= 1
  }

  /**
   * Handles a rate-limit reply of the issuer: until the end of `Retry-After`, only one request at a time is sent. The
   * limit becomes half of the limit or of the recently sent rate, whichever is lower, but at least `LEAST_PER_S`. The
   * limit stays unchanged if the rejected request was sent before the last decrease, or less than 1 s after it.
   *
   * @param sentMs       time at which the rejected request was sent; monotonic, ms
   * @param retryAfterS  the issuer's `Retry-After`, s; `undefined` when the reply has none
   */
  limited(sentMs: number, retryAfterS: number | undefined): void {
    const now = this.#now()
    if (retryAfterS !== undefined) {
      this.#oneUntilMs = Math.max(this.#oneUntilMs, now + Math.min(retryAfterS * 1000, RETRY_AFTER_MAX_MS))
    }
    if (sentMs < this.#decreasedMs + MEASURED_MS) return
    this.#rise()
    this.#count()
    const before = Math.min(this.#perS, Math.max(this.#sent, this.#sentBefore) / (MEASURED_MS / 1000))
    this.#perS = Math.max(LEAST_PER_S, before / 2)
    this.#risePerS = Math.max(1, before * INCREASE)
    this.#risenMs = now
    this.#decreasedMs = now
    this.#permits = 0
    this.#filledMs = now
  }

  #rise(): void {
    if (this.#perS === Number.POSITIVE_INFINITY) return
    const now = this.#now()
    // Start the rise of the rate only at the end of `Retry-After`.
    const fromMs = Math.max(this.#risenMs, Math.min(this.#oneUntilMs, now))
    this.#risenMs = now
    this.#perS += (this.#risePerS * (now - fromMs)) / 1000
    if (this.#perS >= MOST_PER_S) this.#perS = Number.POSITIVE_INFINITY
  }

  #fill(): void {
    const now = this.#now()
    this.#permits = Math.min(1, this.#permits + ((now - this.#filledMs) / 1000) * this.#perS)
    this.#filledMs = now
  }

  #count(): void {
    const now = this.#now()
    if (now - this.#periodMs < MEASURED_MS) return
    this.#sentBefore = now - this.#periodMs < 2 * MEASURED_MS ? this.#sent : 0
    this.#sent = 0
    this.#periodMs = now
  }
}
