/** Lowest rate, questions a second. */
const LEAST_PER_S = 1
/** A rate as high as this, questions a second, is none. */
const MOST_PER_S = 10_000
/** Part of the rate before a decrease by which the rate rises each second: it is back after about 5 s. */
const INCREASE = 0.1
/** Longest `Retry-After` that is heeded, ms: a mistake of the issuer must not slow it down for days. */
const RETRY_AFTER_MAX_MS = 5 * 60_000
/**
 * Time over which the rate of questions is measured, and least time between two decreases, ms. Issuers count over a second or
 * more: until then they say 429 to a lower rate too.
 */
const MEASURED_MS = 1000

/**
 * How fast an issuer may be asked. Unlimited until the issuer says 429 (RFC 6585 §4). From then on a 429 halves the rate, at
 * most once a second, and the rate rises steadily in between (additive increase, multiplicative decrease). Until the
 * moment that `Retry-After` names, there is one question at a time.
 */
export class QuestionRate {
  readonly #now: () => number
  /** Questions a second; Infinity: unlimited. */
  #perS = Number.POSITIVE_INFINITY
  /** Questions a second by which the rate rises each second. */
  #risePerS = 1
  /** When `#perS` was computed; monotonic, ms. */
  #risenMs = 0
  /** When the rate was last decreased; monotonic, ms. */
  #decreasedMs = Number.NEGATIVE_INFINITY
  /** Questions that may be sent now, at most 1. */
  #permits = 1
  #filledMs = 0
  #oneUntilMs = Number.NEGATIVE_INFINITY
  /** Questions in the present and the last period of `MEASURED_MS`. */
  #sent = 0
  #sentBefore = 0
  #periodMs = Number.NEGATIVE_INFINITY

  /** @param now  monotonic clock, ms */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Questions a second; Infinity: unlimited. */
  get perS(): number {
    this.#rise()
    return this.#perS
  }

  /** The issuer has asked for a pause by `Retry-After`, which is not over. */
  get oneAtATime(): boolean {
    return this.#now() < this.#oneUntilMs
  }

  /** Time until the next question may be sent, ms; 0: now. */
  get waitMs(): number {
    this.#rise()
    if (this.#perS === Number.POSITIVE_INFINITY) return 0
    this.#fill()
    return this.#permits >= 1 ? 0 : Math.ceil(((1 - this.#permits) * 1000) / this.#perS)
  }

  /** A question is sent. */
  send(): void {
    this.#count()
    this.#sent++
    if (this.#perS === Number.POSITIVE_INFINITY) return
    this.#fill()
    this.#permits -= 1
  }

  /**
   * The issuer says that it is asked too much.
   *
   * @param sentMs       when the question was sent; monotonic, ms
   * @param retryAfterS  as the issuer says; `undefined`: it does not
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
    // Not while the issuer wants a pause.
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
