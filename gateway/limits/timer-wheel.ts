import { performance } from 'node:perf_hooks'
import { Supervisor } from '../base/supervisor.ts'

const SLOT_MS = 10
const SLOTS = 128

/**
 * Timer wheel: calls back when each item is due, with one timer for all items. The resolution is 10 ms. For an item
 * that is due later than 1.27 s from now, the callback comes early, after 1.27 s.
 */
export class TimerWheel<T> {
  readonly #slots: T[][] = Array.from({ length: SLOTS }, () => [])
  readonly #due: (item: T, nowMs: number) => void
  /** Number of the time slot (10 ms each) that was processed last. */
  #turned = Math.floor(performance.now() / SLOT_MS)
  #size = 0
  readonly #task = new Supervisor('limit-leases')
  /** Function that cancels the timer of the next turn of the wheel. */
  #timer: (() => void) | undefined

  constructor(due: (item: T, nowMs: number) => void) {
    this.#due = due
  }

  /** Adds an item to the timer wheel. @param atMs  monotonic time when the item is due, ms */
  add(item: T, atMs: number): void {
    if (this.#size++ === 0) this.#turned = Math.floor(performance.now() / SLOT_MS)
    const slot = Math.min(Math.max(Math.ceil(atMs / SLOT_MS), this.#turned + 1), this.#turned + SLOTS - 1)
    this.#slots[slot % SLOTS]!.push(item)
    this.#timer ??= this.#task.after(SLOT_MS, () => this.#turn())
  }

  #turn(): void {
    this.#timer = undefined
    const nowMs = performance.now()
    const to = Math.floor(nowMs / SLOT_MS)
    // Visit each time slot at most once: after a long pause of the process, one full turn of the wheel covers every
    // item.
    const from = Math.max(this.#turned, to - SLOTS)
    try {
      for (let slot = from + 1; slot <= to; slot++) this.#call(slot, nowMs)
      this.#turned = to
    } finally {
      if (this.#size > 0) this.#timer ??= this.#task.after(SLOT_MS, () => this.#turn())
    }
  }

  #call(slot: number, nowMs: number): void {
    const items = this.#slots[slot % SLOTS]!
    if (items.length === 0) return
    this.#slots[slot % SLOTS] = []
    this.#size -= items.length
    this.#turned = slot
    for (const item of items) this.#due(item, nowMs)
  }

  close(): void {
    this.#timer?.()
  }
}
