/** FIFO semaphore with a bounded number of waiters and a maximum time for each wait. */
export class Semaphore {
  readonly #atOnce: number
  readonly #waitingMax: number
  #taken = 0
  /**
   * Callers that wait for a slot of the semaphore, oldest first. @bound the `waitingMax` of the constructor | the
   * caller is refused | none
   */
  readonly #waiting = new Set<(granted: boolean) => void>()

  constructor(atOnce: number, waitingMax: number) {
    this.#atOnce = atOnce
    this.#waitingMax = waitingMax
  }

  /**
   * Waits for a slot of the semaphore, for at most `waitMs`. Synchronous when a slot is free.
   *
   * @returns true when the caller got a slot; it must then call {@link done}
   */
  take(waitMs: number): boolean | Promise<boolean> {
    if (this.#taken < this.#atOnce) {
      this.#taken++
      return true
    }
    if (this.#waiting.size >= this.#waitingMax) return false
    return new Promise((resolve) => {
      const settle = (granted: boolean): void => {
        clearTimeout(timer)
        this.#waiting.delete(settle)
        resolve(granted)
      }
      const timer = setTimeout(settle, waitMs, false)
      this.#waiting.add(settle)
    })
  }

  /** Passes the slot of the semaphore to the oldest waiter, or frees the slot when there is no waiter. */
  done(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#taken--
    else next(true)
  }
}
