/** Counters of calls in a part of a window. */
class Counts {
  calls = 0
  /** Calls without a reply, or with a status from 500 to 599. */
  errors = 0
  /** Calls of which the latency was measured, and the sum of the logarithms of their latencies. */
  timed = 0
  logSum = 0

  clear(): void {
    this.calls = 0
    this.errors = 0
    this.timed = 0
    this.logSum = 0
  }
}

/**
 * Outcomes of the recent calls to one upstream. The window has two parts, which `rotate` exchanges, so that counting a
 * call reads no clock.
 */
export class CallWindow {
  #now = new Counts()
  #before = new Counts()

  get calls(): number {
    return this.#now.calls + this.#before.calls
  }

  get errors(): number {
    return this.#now.errors + this.#before.errors
  }

  get timed(): number {
    return this.#now.timed + this.#before.timed
  }

  /**
   * Geometric mean of the latencies, ms. Unlike the arithmetic mean, a few calls that wait for a long time, such as
   * long polls, hardly change it.
   */
  get latencyMs(): number {
    return this.timed === 0 ? 0 : Math.exp((this.#now.logSum + this.#before.logSum) / this.timed) - 1
  }

  count(isError: boolean): void {
    this.#now.calls++
    if (isError) this.#now.errors++
  }

  time(ms: number): void {
    this.#now.timed++
    this.#now.logSum += Math.log1p(ms)
  }

  /** Starts a new part, and forgets the older of the two parts. */
  rotate(): void {
    const oldest = this.#before
    this.#before = this.#now
    this.#now = oldest
    oldest.clear()
  }

  clear(): void {
    this.#now.clear()
    this.#before.clear()
  }
}
