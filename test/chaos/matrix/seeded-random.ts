import { createHash } from 'node:crypto'

/** Random numbers that depend only on the seed (generator mulberry32, which is not for secrets). */
export class SeededRandom {
  #state: number

  /** @param seed  seed of the run, and names that distinguish the users of random numbers */
  constructor(...seed: readonly (string | number)[]) {
    this.#state = createHash('sha256').update(seed.join('\n')).digest().readUInt32LE()
  }

  /** Returns a number of at least 0 and below 1. */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next()
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.next() * values.length)]!
  }

  /** Returns the values in another order (Fisher-Yates). */
  shuffled<T>(values: readonly T[]): T[] {
    const mixed = [...values]
    for (let i = mixed.length - 1; i > 0; i--) {
      const other = Math.floor(this.next() * (i + 1))
      ;[mixed[i], mixed[other]] = [mixed[other]!, mixed[i]!]
    }
    return mixed
  }
}
