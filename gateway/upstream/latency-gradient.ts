/** Lowest value of the adaptive limit. With a lower limit, a few slow calls would look like a slow service. */
export const LIMIT_MIN = 16
/** Adaptive limit of an upstream before the first measurement. */
const LIMIT_FIRST = 64
/**
 * Minimum duration of a window, ms, and minimum number of its calls, before its latency is compared with the usual
 * latency.
 */
const WINDOW_MS = 100
const SAMPLES_MIN = 10
/** Factor by which the latency may exceed the usual latency, and difference that is always permitted, ms. */
const TOLERANCE = 2
const SLACK_MS = 5
/** Lowest factor by which one window can reduce the limit. */
const GRADIENT_MIN = 0.5
/** Part of a calculated reduction of the limit that takes effect in one window. */
const SMOOTHING = 0.5
/** Weight with which a window of lower latency changes the usual latency. */
const FALL = 0.1
/** Time constant with which the usual latency follows a higher latency, ms: 10 minutes. */
const RISE_MS = 600_000

/**
 * Estimates how many calls an upstream can process at the same time, from the latency of its calls (Gradient2 of
 * Netflix concurrency-limits, 2018). While the latency is at most twice the usual one, the limit grows by its square root
 * in each window of 100 ms, if half of it is in use. While the latency is higher, the limit shrinks by the ratio of both.
 *
 * The usual latency follows a lower latency in about a second, and a higher one in minutes, so that a longer overload does not
 * become usual. The mean is geometric: a few calls that wait for a long time, such as long polls, hardly change it.
 */
export class LatencyGradient {
  readonly #max: number
  #limit: number
  #usualMs = 0
  #windowFrom = 0
  #logSum = 0
  #samples = 0
  /** Highest number of concurrent calls in the current window. */
  #peak = 0

  /** @param max  highest value of the adaptive limit */
  constructor(max: number) {
    this.#max = max
    this.#limit = Math.min(LIMIT_FIRST, max)
  }

  get limit(): number {
    return Math.floor(this.#limit)
  }

  /** Records the number of calls that wait for the upstream. */
  busy(calls: number): void {
    if (calls > this.#peak) this.#peak = calls
  }

  /**
   * Records the latency of a call.
   *
   * @param ms     time from the end of the request to the head of the reply, ms
   * @param nowMs  monotonic time, ms
   */
  sample(ms: number, nowMs: number): void {
    if (this.#samples === 0) this.#windowFrom = Math.max(this.#windowFrom, nowMs - WINDOW_MS)
    this.#samples++
    this.#logSum += Math.log1p(ms)
    if (this.#samples < SAMPLES_MIN || nowMs - this.#windowFrom < WINDOW_MS) return
    this.#adapt(Math.exp(this.#logSum / this.#samples) - 1, nowMs - this.#windowFrom)
    this.#windowFrom = nowMs
    this.#logSum = 0
    this.#samples = 0
    this.#peak = 0
  }

  #adapt(latencyMs: number, elapsedMs: number): void {
    const usual = this.#usualMs
    const weight = latencyMs < usual ? FALL : Math.min(1, elapsedMs / RISE_MS)
    this.#usualMs = usual === 0 ? latencyMs : usual + (latencyMs - usual) * weight
    const isUsual = usual === 0 || latencyMs <= usual + SLACK_MS || latencyMs <= TOLERANCE * usual
    if (isUsual) this.#grow()
    else this.#shrink(Math.max(GRADIENT_MIN, (TOLERANCE * usual) / latencyMs))
  }

  #grow(): void {
    if (this.#peak >= this.#limit / 2) this.#limit = Math.min(this.#max, this.#limit + Math.sqrt(this.#limit))
  }

  /**
   * Reduces the limit, from the number of calls that caused the latency: an unused part of the limit must not delay
   * the reduction.
   */
  #shrink(gradient: number): void {
    const used = Math.min(this.#limit, Math.max(LIMIT_MIN, 2 * this.#peak))
    this.#limit = Math.max(Math.min(LIMIT_MIN, this.#max), used * (1 - SMOOTHING * (1 - gradient)))
  }
}
