import { performance } from 'node:perf_hooks'

/**
 * Time for which a refused new value (such as a password) is not presented again, ms. The previous value is presented
 * instead.
 */
const AVOID_MS = 30_000

/**
 * A value that is replaced while the process runs, and its previous value. A peer may learn the new value later or
 * earlier than this process, so both are in use during a rotation.
 */
export class Rotating<T> {
  readonly #now: () => number
  #current: T
  #previous: T | undefined
  #replacedMs = Number.NEGATIVE_INFINITY
  #avoidUntilMs = Number.NEGATIVE_INFINITY
  /**
   * Time, monotonic, ms, until which a refusal of the current value does not select the previous value: the peer
   * refused both.
   */
  #keepUntilMs = Number.NEGATIVE_INFINITY

  /** @param now  monotonic clock, ms */
  constructor(first: T, now: () => number = () => performance.now()) {
    this.#current = first
    this.#now = now
  }

  get current(): T {
    return this.#current
  }

  /**
   * The value of the secret before the last replacement; `undefined` when the replacement is longer ago than
   * `overlapMs`, or when nothing was replaced.
   */
  previousWithin(overlapMs: number): T | undefined {
    return this.#now() - this.#replacedMs < overlapMs ? this.#previous : undefined
  }

  /** The value to present to a peer: the current one, or for 30 s after its refusal the previous one. */
  get presented(): T {
    return this.#previous !== undefined && this.#now() < this.#avoidUntilMs ? this.#previous : this.#current
  }

  replace(next: T): void {
    this.#previous = this.#current
    this.#current = next
    this.#replacedMs = this.#now()
    this.#avoidUntilMs = Number.NEGATIVE_INFINITY
    this.#keepUntilMs = Number.NEGATIVE_INFINITY
  }

  /**
   * Records that a peer refused `value`. A peer that refuses both values gets each of them once in 30 s: the current
   * value is presented in between, without repetitions.
   *
   * @returns true when `presented` is now another value, so that the caller can repeat the call once
   */
  refused(value: T): boolean {
    const nowMs = this.#now()
    if (value === this.#current && this.#previous !== undefined && nowMs >= this.#keepUntilMs) {
      this.#avoidUntilMs = nowMs + AVOID_MS
    }
    // A refusal of the previous value counts only while it is presented in place of the current one. At any other time
    // it was presented before the replacement, and the peer has not refused the current value.
    if (value === this.#previous && nowMs < this.#avoidUntilMs) {
      this.#avoidUntilMs = Number.NEGATIVE_INFINITY
      this.#keepUntilMs = nowMs + AVOID_MS
    }
    return this.presented !== value
  }
}
