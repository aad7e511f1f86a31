/** FIFO semaphore with a bounded queue and a timeout per waiter. */
export class Semaphore {
  readonly #atOnce: number
  readonly #waitingMax: number
  #taken = 0
  readonly #waiting = new Set<(granted: boolean) => void>()

  constructor(atOnce: number, waitingMax: number) {
    this.#atOnce = atOnce
    this.#waitingMax = waitingMax
  }

  /**
   * @returns whether the caller may proceed; the caller must then call {@link done}. Synchronous when a turn is free
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

  /** Passes the turn to the oldest waiter, or frees it. */
  done(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#taken--
    else next(true)
  }
}
