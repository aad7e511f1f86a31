import type { Supervisor, TaskTimers } from '../base/supervisor.ts'

/** Interval at which due refusals are sent, ms. */
const SEND_MS = 10
/** Number of sent refusals at which the queue is moved in memory. */
const COMPACT_AT = 1024

interface WaitingRefusal {
  readonly dueMs: number
  readonly send: () => void
}

/**
 * Refusals that are sent later, in the order in which they were added. Until then, a client with keep-alive sends no
 * further request on the connection, so that a flood on n connections causes at most n refusals in each delay.
 */
export class DelayedRefusals {
  readonly #task: Supervisor
  readonly #timers: TaskTimers
  /**
   * Refusals that have not been sent, from `#from` on.
   *
   * @bound a quarter of overload.in_flight | further refusals are sent at once | gatehouse_overload_delayed_refusals
   */
  readonly #waiting: WaitingRefusal[] = []
  #from = 0
  #isScheduled = false

  constructor(task: Supervisor, timers: TaskTimers) {
    this.#task = task
    this.#timers = timers
  }

  get size(): number {
    return this.#waiting.length - this.#from
  }

  /** @param send  must not throw */
  add(delayMs: number, send: () => void): void {
    this.#waiting.push({ dueMs: this.#timers.now() + delayMs, send })
    this.#schedule()
  }

  /** Sends all refusals at once. */
  flush(): void {
    this.#send(Number.POSITIVE_INFINITY)
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#task.after(SEND_MS, () => {
      this.#isScheduled = false
      this.#send(this.#timers.now())
      if (this.size > 0) this.#schedule()
    })
  }

  #send(untilMs: number): void {
    for (let next = this.#waiting[this.#from]; next !== undefined && next.dueMs <= untilMs; ) {
      this.#from++
      next.send()
      next = this.#waiting[this.#from]
    }
    if (this.#from !== this.#waiting.length && this.#from < COMPACT_AT) return
    this.#waiting.splice(0, this.#from)
    this.#from = 0
  }
}
