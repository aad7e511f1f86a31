export interface FairTurnsOptions {
  /** Most turns at a time, of all keys together. */
  readonly atOnce: number
  /** Most turns at a time of one key. */
  readonly perKey: number
  /** Most waiters. One more takes the place of a waiter of the key that has most of them. */
  readonly waitingMax: number
}

type Settle = (granted: boolean) => void

/** The turns of one key. */
export interface TurnsOfKey {
  /** @returns whether the caller may go on; then {@link done} must follow. At once when a turn is free. */
  take(waitMs: number): boolean | Promise<boolean>
  done(): void
}

/**
 * Semaphore with a limit for all callers and one for each key. Waiters of one key are served in order, and keys are served
 * in rotation: a key with many waiters does not delay the others.
 */
export class FairTurns {
  readonly #options: FairTurnsOptions
  #taken = 0
  readonly #takenBy = new Map<string, number>()
  /** Waiters of each key, oldest first. The key that is served next comes first. */
  readonly #waiting = new Map<string, Set<Settle>>()
  #waiters = 0

  constructor(options: FairTurnsOptions) {
    this.#options = options
  }

  of(key: string): TurnsOfKey {
    return { take: (waitMs) => this.#take(key, waitMs), done: () => this.#done(key) }
  }

  #take(key: string, waitMs: number): boolean | Promise<boolean> {
    if (this.#taken < this.#options.atOnce && this.#mayTake(key)) {
      this.#count(key, 1)
      return true
    }
    if (this.#waiters >= this.#options.waitingMax && !this.#makeRoom(key)) return false
    return new Promise((resolve) => {
      const settle: Settle = (granted) => {
        clearTimeout(timer)
        this.#leave(key, settle)
        resolve(granted)
      }
      const timer = setTimeout(settle, waitMs, false)
      this.#enter(key, settle)
    })
  }

  #done(key: string): void {
    this.#count(key, -1)
    for (const [other, waiters] of this.#waiting) {
      if (!this.#mayTake(other)) continue
      // Behind the other keys, for its next turn.
      this.#waiting.delete(other)
      this.#waiting.set(other, waiters)
      this.#count(other, 1)
      const [next] = waiters
      next!(true)
      return
    }
  }

  #mayTake(key: string): boolean {
    return (this.#takenBy.get(key) ?? 0) < this.#options.perKey
  }

  #count(key: string, change: 1 | -1): void {
    this.#taken += change
    const taken = (this.#takenBy.get(key) ?? 0) + change
    if (taken === 0) this.#takenBy.delete(key)
    else this.#takenBy.set(key, taken)
  }

  #enter(key: string, settle: Settle): void {
    const waiters = this.#waiting.get(key)
    if (waiters === undefined) this.#waiting.set(key, new Set([settle]))
    else waiters.add(settle)
    this.#waiters++
  }

  #leave(key: string, settle: Settle): void {
    const waiters = this.#waiting.get(key)
    if (waiters?.delete(settle) !== true) return
    this.#waiters--
    if (waiters.size === 0) this.#waiting.delete(key)
  }

  /** Refuses the latest waiter of the key that has most. @returns false when that would not make the keys more equal */
  #makeRoom(key: string): boolean {
    let most: Set<Settle> | undefined
    for (const waiters of this.#waiting.values()) if (waiters.size > (most?.size ?? 0)) most = waiters
    const own = this.#waiting.get(key)?.size ?? 0
    if (most === undefined || most.size <= own + 1) return false
    const last = [...most].at(-1)!
    last(false)
    return true
  }
}
