import type { Supervisor, TaskTimers } from '../base/supervisor.ts'

/** Interval at which due refusals are sent, ms. */
const SEND_MS = 10
/**
 * Number of different delays, from 0.5 to 1.5 of the stated delay. They are used in turn, so that the clients of a burst
 * do not send the burst again when they have got their refusals.
 */
const DELAYS = 16
/** Number of sent refusals after which the rest of a queue is moved to the front of its memory. */
const COMPACT_AT = 256

interface WaitingRefusal {
  readonly dueMs: number
  readonly send: () => void
}

/** Queue of refusals with the same delay, in the order in which they were added. */
class RefusalQueue {
  /**
   * Refusals that have not been sent, from `#from` on.
   *
   * @bound a quarter of overload.in_flight | further refusals are sent at once | gatehouse_overload_delayed_refusals
   */
  readonly #waiting: WaitingRefusal[] = []
  #from = 0

  add(refusal: WaitingRefusal): void {
    this.#waiting.push(refusal)
  }

  /** @returns the number of sent refusals */
  send(untilMs: number): number {
    let sent = 0
    for (; this.#waiting[this.#from] !== undefined && this.#waiting[this.#from]!.dueMs <= untilMs; sent++) {
      this.#waiting[this.#from++]!.send()
    }
    if (this.#from === this.#waiting.length || this.#from >= COMPACT_AT) {
      this.#waiting.splice(0, this.#from)
      this.#from = 0
    }
    return sent
  }
}

/**
 * Refusals that are sent later. Until then, a client with keep-alive sends no further request on the connection, so that
 * a flood on n connections causes at most n refusals in each delay.
 */
export class DelayedRefusals {
  readonly #task: Supervisor
  readonly #timers: TaskTimers
  readonly #queues = Array.from({ length: DELAYS }, () => new RefusalQueue())
  #turn = 0
  #size = 0
  #isScheduled = false

  constructor(task: Supervisor, timers: TaskTimers) {
    this.#task = task
    this.#timers = timers
  }

  get size(): number {
    return this.#size
  }

  /**
   * @param delayMs  mean delay; the refusal is sent after 0.5 to 1.5 of it
   * @param send     must not throw
   */
  add(delayMs: number, send: () => void): void {
    this.#turn = (this.#turn + 1) % DELAYS
    const dueMs = this.#timers.now() + delayMs * (0.5 + this.#turn / (DELAYS - 1))
    this.#queues[this.#turn]!.add({ dueMs, send })
    this.#size++
    this.#schedule()
  }

  /** Sends all delayed refusals at once. */
  flush(): void {
    this.#send(Number.POSITIVE_INFINITY)
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#task.after(SEND_MS, () => {
      this.#isScheduled = false
      this.#send(this.#timers.now())
      if (this.#size > 0) this.#schedule()
    })
  }

  #send(untilMs: number): void {
    for (const queue of this.#queues) this.#size -= queue.send(untilMs)
  }
}
