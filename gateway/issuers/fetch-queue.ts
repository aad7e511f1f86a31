/** Fetches at a time. Name look-ups and key imports share the four threads of the process's pool. */
const RUNNING_MAX = 32
/** Fetches at a time that no token waits for. The other places are a reserve for those that a token waits for. */
const BACKGROUND_MAX = 16

/** The turn of one fetch in a {@link FetchQueue}. */
export class FetchTurn {
  /** Resolves when the fetch may begin; `done` must follow. */
  readonly granted: Promise<void>
  /** True once `granted` is resolved. */
  begun = false
  /** No token waits for the fetch. */
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

  /** A token waits for the fetch now. No effect once it has begun. */
  hurry(): void {
    if (!this.begun && this.background) this.#queue.hurry(this)
  }

  begin(): void {
    this.begun = true
    this.#grant()
  }

  /** The fetch has ended. */
  done(): void {
    this.#queue.done(this)
  }
}

/**
 * Limits how many key sets are fetched at a time, first in, first out. Without a limit the first fetches of hundreds of
 * issuers slow each other down until all of them time out.
 *
 * Fetches that a token waits for go before those of start and refresh, and have places that those cannot take. Issuers that
 * do not answer therefore delay only each other.
 */
export class FetchQueue {
  readonly #urgent = new Set<FetchTurn>()
  readonly #background = new Set<FetchTurn>()
  #running = 0
  #runningBackground = 0

  enter(background: boolean): FetchTurn {
    const turn = new FetchTurn(this, background)
    const queue = background ? this.#background : this.#urgent
    queue.add(turn)
    this.#next()
    return turn
  }

  hurry(turn: FetchTurn): void {
    this.#background.delete(turn)
    turn.background = false
    this.#urgent.add(turn)
    this.#next()
  }

  done({ background }: FetchTurn): void {
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
