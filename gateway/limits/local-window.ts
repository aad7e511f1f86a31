const TICKS = 100

/**
 * A sliding window that counts the requests of this node alone. In any time span of the window's length, by the
 * monotonic clock, at most the `share` passed to `take` is admitted. Counts in whole ticks, like Redis, so that an
 * admission leaves the window late but never early.
 */
export class LocalWindow {
  readonly #tickMs: number
  /**
   * Ticks in which requests were admitted, oldest first. The entries from index `#first` on are in the window. At most
   * `TICKS + 2` entries.
   *
   * @bound {@link TICKS} + 2 ticks | the oldest leave the window | none
   */
  #ticks: number[] = []
  /** Number of admitted requests in each tick. @bound {@link TICKS} + 2 ticks | the oldest leave the window | none */
  #counts: number[] = []
  #first = 0
  #used = 0
  #granted = 0

  constructor(windowMs: number) {
    this.#tickMs = windowMs / TICKS
  }

  /** Admits `cost` requests if the window has room within `share`. @param nowMs  monotonic time, ms */
  take(cost: number, share: number, nowMs: number): boolean {
    const tick = this.#forget(nowMs)
    if (this.#used + cost > share) return false
    const last = this.#ticks.length - 1
    if (last >= this.#first && this.#ticks[last] === tick) this.#counts[last]! += cost
    else {
      this.#ticks.push(tick)
      this.#counts.push(cost)
    }
    this.#used += cost
    this.#granted = tick
    return true
  }

  /** Tick in which `take` last admitted a request, which `giveBack` needs. */
  get granted(): number {
    return this.#granted
  }

  /** Refunds a request that was admitted in the tick `granted`. Does nothing if this tick has left the window. */
  giveBack(cost: number, granted: number): void {
    for (let i = this.#ticks.length - 1; i >= this.#first; i--) {
      if (this.#ticks[i] !== granted) continue
      this.#counts[i]! -= cost
      this.#used -= cost
      return
    }
  }

  left(share: number, nowMs: number): number {
    this.#forget(nowMs)
    return Math.max(0, share - this.#used)
  }

  /** Returns the time until the local window has room for `cost` requests within `share`, ms. */
  waitMs(cost: number, share: number, nowMs: number): number {
    this.#forget(nowMs)
    let short = this.#used + cost - share
    let i = this.#first
    while (short > 0 && i < this.#ticks.length) short -= this.#counts[i++]!
    return i === this.#first ? 0 : (this.#ticks[i - 1]! + TICKS + 1) * this.#tickMs - nowMs
  }

  #forget(nowMs: number): number {
    const tick = Math.floor(nowMs / this.#tickMs)
    while (this.#first < this.#ticks.length && tick - this.#ticks[this.#first]! > TICKS) {
      this.#used -= this.#counts[this.#first++]!
    }
    if (this.#first > TICKS) {
      this.#ticks = this.#ticks.slice(this.#first)
      this.#counts = this.#counts.slice(this.#first)
      this.#first = 0
    }
    return tick
  }
}
