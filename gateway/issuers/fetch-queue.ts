/**
 * Maximum number of concurrent key set fetches. DNS look-ups and key imports share the four threads of the process's
 * thread pool.
 */
const RUNNING_MAX = 32
/**
 * Maximum number of concurrent background fetches of key sets, for which no token waits. The other slots are reserved
 * for fetches that a token waits for.
 */
const BACKGROUND_MAX = 16

/** The slot of one key set fetch in a {@link FetchQueue}. */
export class FetchSlot {
  /** Resolves when the fetch is allowed to begin. The caller must call `done` after the fetch. */
  readonly granted: Promise<void>
  /** True when `granted` is resolved, so that the fetch is allowed to begin. */
  begun = false
  /** True while no token waits for the fetch. */
  background: boolean
  readonly #queue: FetchQueue
  readonly #grant: () => void

  constructor(queue: FetchQueue, background: boolean) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.granted = promise
    this.#grant = resolve
    this.#queue = queue
    this.background = background
  }

  /**
   * Moves a waiting fetch to the urgent queue, because a token now waits for it. Does nothing when the fetch has begun.
   */
  hurry(): void {
    if (!this.begun && this.background) this.#queue.hurry(this)
  }

  begin(): void {
    this.begun = true
    this.#grant()
  }

  /** Frees the slot. Call this after the fetch has ended. */
  done(): void {
    this.#queue.done(this)
  }
}

/**
 * Limits how many key sets are fetched concurrently. Waiting fetches are served in FIFO order. Without a limit, the
 * first fetches of hundreds of issuers slow each other down until all time out.
 *
 * Fetches that a token waits for are served before the fetches of start-up and refresh, and have reserved slots.
 * Background fetches from unresponsive issuers therefore always leave 16 slots for fetches that a token waits for.
 */
export class FetchQueue {
  /** Fetches that a token waits for. @bound policy */
  readonly #urgent = new Set<FetchSlot>()
  /** Fetches of start-up and refresh. @bound policy */
  readonly #background = new Set<FetchSlot>()
  #running = 0
  #runningBackground = 0

  enter(background: boolean): FetchSlot {
    const turn = new FetchSlot(this, background)
    const queue = background ? this.#background : this.#urgent
    queue.add(turn)
    this.#next()
    return turn
  }

  hurry(turn: FetchSlot): void {
    this.#background.delete(turn)
    turn.background = false
    this.#urgent.add(turn)
    this.#next()
  }

  done({ background }: FetchSlot): void {
    this.#running--
    if (background) this.#runningBackground--
    this.#next()
  }

  #next(): void {
    while (this.#running < RUNNING_MAX) {
      const [urgent] = this.#urgent
      const [background] = this.#background
      const turn = urgent ?? (this.#runningBackground < BACKGROUND_MAX ? background : undefined)
      if (turn === undefined) return
      this.#urgent.delete(turn)
      this.#background.delete(turn)
      this.#running++
      if (turn.background) this.#runningBackground++
      turn.begin()
    }
  }
}
