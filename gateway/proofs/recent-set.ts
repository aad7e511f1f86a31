import { performance } from 'node:perf_hooks'

/**
 * Set of the texts that were added in the last `lifeMs`, with a limited size. Each text stays for at least `lifeMs` and
 * at most twice as long.
 *
 * @bound owner
 */
export class RecentSet {
  readonly #lifeMs: number
  readonly #max: number
  readonly #now: () => number
  #young = new Set<string>()
  #old = new Set<string>()
  /** Time at which the young generation of the set began, monotonic, ms. */
  #startedAt: number

  /**
   * @param max  maximum number of texts in each of the two generations
   * @param now  monotonic clock, ms
   */
  constructor(lifeMs: number, max: number, now: () => number = () => performance.now()) {
    this.#lifeMs = lifeMs
    this.#max = max
    this.#now = now
    this.#startedAt = now()
  }

  has(text: string): boolean {
    this.#turn()
    return this.#young.has(text) || this.#old.has(text)
  }

  /** Adds a text to the set. @returns false when the set is full, and the text was not added */
  add(text: string): boolean {
    this.#turn()
    if (this.#young.size >= this.#max) return false
    this.#young.add(text)
    return true
  }

  #turn(): void {
    const now = this.#now()
    const ageMs = now - this.#startedAt
    if (ageMs < this.#lifeMs) return
    this.#old = ageMs < 2 * this.#lifeMs ? this.#young : new Set()
    this.#young = new Set()
    this.#startedAt = now
  }
}
