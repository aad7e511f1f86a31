import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Runs long synchronous work of a node one after another. After each piece, the queue rests for as long as the piece
 * took, so that requests get at least half of the time of the event loop.
 */
export class PacedQueue {
  readonly #waitingMax: number
  #waiting = 0
  #turn: Promise<void> = Promise.resolve()
  /** Time until which the queue rests after the last piece of work, monotonic, ms. */
  #restEndsAt = 0

  /** @param waitingMax  pieces of work that run or wait, at most */
  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax
  }

  /** @returns the result of the work; `undefined` when the queue is full, and the work is not run */
  run<Result>(work: () => Result): Promise<Result> | undefined {
    return this.#waiting < this.#waitingMax ? this.#inTurn(work) : undefined
  }

  async #inTurn<Result>(work: () => Result): Promise<Result> {
    this.#waiting++
    const before = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = promise
    await before
    await sleep(Math.max(0, this.#restEndsAt - performance.now()))
    const begunAt = performance.now()
    try {
      return work()
    } finally {
      const endedAt = performance.now()
      this.#restEndsAt = endedAt + (endedAt - begunAt)
      this.#waiting--
      resolve()
    }
  }
}
