import type { TaskTimers } from '../../gateway/base/supervisor.ts'

/** Timers of the supervisor whose clock the test moves. */
export class ManualTimers implements TaskTimers {
  #nowMs = 0
  readonly #due = new Set<{ readonly atMs: number; readonly callback: () => void }>()

  now(): number {
    return this.#nowMs
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, callback }
    this.#due.add(timer)
    return () => this.#due.delete(timer)
  }

  get waiting(): number {
    return this.#due.size
  }

  /** Moves the clock to the earliest timer, and calls it. @throws {Error} when no timer waits */
  async next(): Promise<void> {
    await settled()
    const [first] = [...this.#due].toSorted((a, b) => a.atMs - b.atMs)
    if (first === undefined) throw new Error('no timer waits')
    this.#due.delete(first)
    this.#nowMs = first.atMs
    first.callback()
    await settled()
  }

  /** Moves the clock by `ms` from timer to timer, and waits after each callback until its promises are settled. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settled()
    for (;;) {
      const [next] = [...this.#due].filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      this.#due.delete(next)
      this.#nowMs = next.atMs
      next.callback()
      await settled()
    }
    this.#nowMs = untilMs
  }
}

/** Waits until all promises that can settle now are settled. */
const settled = () => new Promise((resolve) => setImmediate(resolve))
