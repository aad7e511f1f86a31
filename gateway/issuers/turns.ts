/** Lets so many through at a time; others wait, in order, and no longer than they are ready to. */
export class Turns {
  readonly #atOnce: number
  readonly #waitingMax: number
  #taken = 0
  readonly #waiting = new Set<(granted: boolean) => void>()

  constructor(atOnce: number, waitingMax: number) {
    this.#atOnce = atOnce
    this.#waitingMax = waitingMax
  }

  /** @returns whether it may go on; then {@link done} must follow. At once when nobody waits. */
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

  /** The turn goes to whoever has waited longest. */
  done(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#taken--
    else next(true)
  }
}
