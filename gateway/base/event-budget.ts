/** How many events of one kind a client may cause: a burst, and a rate at which it can cause more. */
export interface EventRate {
  readonly burst: number
  readonly perSecond: number
}

/** Counts events of a client against a rate (token bucket). The caller passes the time, monotonic, ms. */
export class EventBudget {
  readonly #rate: EventRate
  #left: number
  #atMs: number
  #exceeded = false

  constructor(rate: EventRate, nowMs: number) {
    this.#rate = rate
    this.#left = rate.burst
    this.#atMs = nowMs
  }

  /**
   * @param events  number of events; a negative number returns events to the budget
   * @returns false when the budget is exceeded
   */
  take(events: number, nowMs: number): boolean {
    this.#refill(nowMs)
    this.#left -= events
    if (this.#left < 0) this.#exceeded = true
    return this.#left >= 0
  }

  /** Number of events of the client above its budget. */
  get debt(): number {
    return -this.#left
  }

  /** Whether the client has exceeded the budget and has not yet regained half of its burst. */
  isExceeded(nowMs: number): boolean {
    this.#refill(nowMs)
    if (this.#left >= this.#rate.burst / 2) this.#exceeded = false
    return this.#exceeded
  }

  isFull(nowMs: number): boolean {
    this.#refill(nowMs)
    return this.#left === this.#rate.burst
  }

  #refill(nowMs: number): void {
    const { burst, perSecond } = this.#rate
    this.#left = Math.min(burst, this.#left + ((nowMs - this.#atMs) / 1000) * perSecond)
    this.#atMs = nowMs
  }
}
