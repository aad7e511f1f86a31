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
/**
 * Maximum number of concurrent retries, which are background fetches from issuers whose last fetch failed. The other
 * background slots are reserved for other issuers: hundreds of unresponsive issuers do not delay their keys.
 */
const RETRIES_MAX = 8

/**
 * Cause of a key set fetch. `urgent`: a token waits for it. `refresh`: start-up, or the periodic refresh. `retry`: a
 * periodic fetch after a failed fetch.
 */
export type FetchUse = 'urgent' | 'refresh' | 'retry'

/** The slot of one key set fetch in a {@link FetchQueue}. */
export class FetchSlot {
  /** Resolves when the key set fetch is allowed to begin. The caller must call `done` after the fetch. */
  readonly granted: Promise<void>
  /** True when `granted` is resolved, so that the key set fetch is allowed to begin. */
  begun = false
  use: FetchUse
  readonly #queue: FetchQueue
  readonly #grant: () => void

  constructor(queue: FetchQueue, use: FetchUse) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.granted = promise
    this.#grant = resolve
    this.#queue = queue
    this.use = use
  }

  /**
   * Moves a waiting key set fetch to the urgent queue, because a token now waits for it. Does nothing when the fetch
   * has begun.
   */
  hurry(): void {
    if (!this.begun && this.use !== 'urgent') this.#queue.hurry(this)
  }

  begin(): void {
    this.begun = true
    this.#grant()
  }

  /** Frees the slot of the key set fetch. Must be called after the fetch has ended. */
  done(): void {
    this.#queue.done(this)
  }
}

/**
 * Limits how many key sets are fetched concurrently. Waiting fetches of one use are served in FIFO order. Without a
 * limit, the first fetches of hundreds of issuers slow each other down until all time out.
 *
 * Fetches that a token waits for are served before the others, and have reserved slots. Background fetches from
 * unresponsive issuers therefore always leave 16 slots for fetches that a token waits for.
 */
export class FetchQueue {
  /** Waiting fetches by use. @bound policy */
  readonly #waiting: Readonly<Record<FetchUse, Set<FetchSlot>>> = {
    urgent: new Set(),
    refresh: new Set(),
    retry: new Set(),
  }
  readonly #running: Record<FetchUse, number> = { urgent: 0, refresh: 0, retry: 0 }

  enter(use: FetchUse): FetchSlot {
    const turn = new FetchSlot(this, use)
    this.#waiting[use].add(turn)
    this.#next()
    return turn
  }

  hurry(turn: FetchSlot): void {
    this.#waiting[turn.use].delete(turn)
    turn.use = 'urgent'
    this.#waiting.urgent.add(turn)
    this.#next()
  }

  done({ use }: FetchSlot): void {
    this.#running[use]--
    this.#next()
  }

  #next(): void {
    for (let turn = this.#first(); turn !== undefined; turn = this.#first()) {
      this.#waiting[turn.use].delete(turn)
      this.#running[turn.use]++
      turn.begin()
    }
  }

  /** Returns the next fetch that is allowed to begin. */
  #first(): FetchSlot | undefined {
    const { urgent, refresh, retry } = this.#running
    const background = refresh + retry
    if (urgent + background >= RUNNING_MAX) return undefined
    const [first] = this.#waiting.urgent
    if (first !== undefined || background >= BACKGROUND_MAX) return first
    const [refreshing] = this.#waiting.refresh
    const [retrying] = this.#waiting.retry
    return refreshing ?? (retry < RETRIES_MAX ? retrying : undefined)
  }
}
