/** Numbers and latency of the calls in some parts of a window. */
export interface CallCounts {
  readonly calls: number
  /** Number of calls without a reply, or with a status from 500 to 599. */
  readonly errors: number
  /** Number of calls whose latency was measured. */
  readonly timed: number
  /**
   * Geometric mean of the latencies, ms. Unlike the arithmetic mean, a few calls that wait for a long time, such as
   * long polls, hardly change it.
   */
  readonly latencyMs: number
}

/** Counters of the calls in one part of a window. */
class Counts implements CallCounts {
  calls = 0
  errors = 0
  timed = 0
  /** Sum of the logarithms of the latencies. */
  logSum = 0

  get latencyMs(): number {
    return this.timed === 0 ? 0 : Math.exp(this.logSum / this.timed) - 1
  }

  add({ calls, errors, timed, logSum }: Counts): void {
    this.calls += calls
    this.errors += errors
    this.timed += timed
    this.logSum += logSum
  }

  clear(): void {
    this.calls = 0
    this.errors = 0
    this.timed = 0
    this.logSum = 0
  }
}

/** Number of parts of a window. */
export const WINDOW_PARTS = 5

/**
 * Outcomes of the recent calls to one upstream. The window has five parts, which `rotate` exchanges, so that counting a
 * call reads no clock. `newest` reads its newest parts only: after a fault begins, older calls hide it for as long as
 * they are in the window.
 */
export class CallWindow {
  /** Counters of the parts, the current one first. @bound code */
  readonly #parts = Array.from({ length: WINDOW_PARTS }, () => new Counts())

  /** Sums the counters of the newest parts. @param parts  number of parts, from 1 to `WINDOW_PARTS` */
  newest(parts: number): CallCounts {
    const sum = new Counts()
    for (let i = 0; i < parts; i++) sum.add(this.#parts[i]!)
    return sum
  }

  count(isError: boolean): void {
    const now = this.#parts[0]!
    now.calls++
    if (isError) now.errors++
  }

  time(ms: number): void {
    const now = this.#parts[0]!
    now.timed++
    now.logSum += Math.log1p(ms)
  }

  /** Starts a new part of the window, and discards the oldest part. */
  rotate(): void {
    const oldest = this.#parts.pop()!
    oldest.clear()
    this.#parts.unshift(oldest)
  }

  clear(): void {
    for (const part of this.#parts) part.clear()
  }
}
