/** Minimum rate, questions per second. */
const LEAST_PER_S = 1
/** When the rate reaches this value, questions to the issuer are no longer limited. Questions per second. */
const MOST_PER_S = 10_000
/** Share of the rate before a decrease by which the rate rises each second. It recovers after about 5 s. */
const INCREASE = 0.1
/** Maximum accepted `Retry-After`, ms: a mistake of the issuer must not slow questions down for days. */
const RETRY_AFTER_MAX_MS = 5 * 60_000
/**
 * Time over which the rate of questions is measured, and minimum time between two decreases, ms. Issuers count over a
 * second or more, so they may reply 429 to a lower rate until then.
 */
const MEASURED_MS = 1000

/**
 * Limits the rate of questions to an issuer. Unlimited until the issuer replies 429 (RFC 6585 §4). From then on a 429
 * halves the rate, at most once per second, and the rate rises linearly in between (additive increase, multiplicative
 * decrease). Until the end of `Retry-After`, only one question at a time is sent.
 */
export class QuestionRate {
  readonly #now: () => number
  /** Questions per second; Infinity for unlimited. */
  #perS = Number.POSITIVE_INFINITY
  /** Increase of the rate each second, in questions per second. */
  #risePerS = 1
  /** Time at which `#perS` was computed; monotonic, ms. */
  #risenMs = 0
  /** Time of the last decrease; monotonic, ms. */
  #decreasedMs = Number.NEGATIVE_INFINITY
  /** Number of questions that may be sent now, at most 1. */
  #permits = 1
  #filledMs = 0
  #oneUntilMs = Number.NEGATIVE_INFINITY
  /** Questions in the current and in the previous period of `MEASURED_MS`. */
  #sent = 0
  #sentBefore = 0
  #periodMs = Number.NEGATIVE_INFINITY

  /** @param now  monotonic clock, ms */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Questions per second; Infinity for unlimited. */
  get perS(): number {
    this.#rise()
    return this.#perS
  }

  /** True until the end of the issuer's last `Retry-After`. */
  get oneAtATime(): boolean {
    return this.#now() < this.#oneUntilMs
  }

  /** Time until the next question may be sent, ms; 0 means now. */
  get waitMs(): number {
    this.#rise()
    if (this.#perS === Number.POSITIVE_INFINITY) return 0
    this.#fill()
    return this.#permits >= 1 ? 0 : Math.ceil(((1 - this.#permits) * 1000) / this.#perS)
  }

  /** Counts a question that is sent now. */
  send(): void {
    this.#count()
    this.#sent++
    if (this.#perS === Number.POSITIVE_INFINITY) return
    this.#fill()
    this.#permits -= 1
  }

  /**
   * Handles a rate-limit reply of the issuer.
   *
   * @param sentMs       time at which the question was sent; monotonic, ms
   * @param retryAfterS  the issuer's `Retry-After`, s; `undefined` without one
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
    // The rate does not rise before the end of `Retry-After`.
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
