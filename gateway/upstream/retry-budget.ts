/** Length of the window in which calls and retries are counted, in parts of 1 s. */
const PARTS = 10
/**
 * Number of retries in the window that are allowed in addition to the share of the calls: 3 per second. Without them, a
 * service with few calls would get no retries.
 */
const RETRIES_MIN = 30

/**
 * Limits the retries of one service on this node to a share of its calls in the last 10 s, and 30 more. Retries
 * therefore cannot multiply the load of a service that fails (Finagle RetryBudget). Time is passed in ms of the
 * monotonic clock.
 */
export class RetryBudget {
  /** Numbers of calls and of retries in each of the last ten seconds. @bound code */
  readonly #calls = new Uint32Array(PARTS)
  readonly #retries = new Uint32Array(PARTS)
  #callSum = 0
  #retrySum = 0
  /** Number of the current second: monotonic time divided by 1 s. */
  #second = 0

  /** Counts the first attempt of a request. On the hot path: allocates nothing. */
  called(now: number): void {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) this.#advance(second)
    this.#calls[second % PARTS]!++
    this.#callSum++
  }

  /** Whether the budget allows another retry now. @param share  maximum number of retries for each call, from 0 to 1 */
  allows(now: number, share: number): boolean {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) this.#advance(second)
    return this.#retrySum < this.#callSum * share + RETRIES_MIN
  }

  /** Counts a retry. */
  retried(now: number): void {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) this.#advance(second)
    this.#retries[second % PARTS]!++
    this.#retrySum++
  }

  /** Removes the seconds that have left the window. */
  #advance(second: number): void {
    const passed = Math.min(second - this.#second, PARTS)
    for (let i = 0; i < passed; i++) {
      const part = (second - i) % PARTS
      this.#callSum -= this.#calls[part]!
      this.#retrySum -= this.#retries[part]!
      this.#calls[part] = 0
      this.#retries[part] = 0
    }
    this.#second = second
  }
}
