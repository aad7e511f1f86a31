import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Supervisor } from '../base/supervisor.ts'

/** Maximum duration of the work on streams in one turn of the event loop, ms. */
const SLICE_MS = 5
/**
 * Maximum cost of the work in one turn of the event loop. The unit is one check of a stream, about 1 µs. Also limits
 * the work of a turn on a busy machine, where time passes while the process waits for a CPU.
 */
const SLICE_COST = 1024

/** A task that works on many streams. It runs in slices of at most 5 ms each. */
interface SlicedTask {
  /** Works on the next stream. @returns the cost of this work; 0 when no stream is left */
  readonly step: () => number
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/**
 * Runs the tasks that work on all streams of a node, in slices. Each turn of the event loop runs one slice, whatever
 * the number of tasks, and serves requests before the next slice.
 */
export class SlicedWork {
  readonly #supervisor: Supervisor
  readonly #now: () => number
  /** Urgent tasks, on whose end the acknowledgement of an event waits. They run before routine tasks. @bound code */
  readonly #urgent: SlicedTask[] = []
  /** Tasks that repeat, such as the check of all streams. @bound code */
  readonly #routine: SlicedTask[] = []
  /** Cost that is left for work on streams in this turn of the event loop. The unit is one check of a stream. */
  #left = SLICE_COST
  #endAt = 0
  #turnBegun = false
  #running = false

  /** @param now  returns the monotonic time, ms */
  constructor(supervisor: Supervisor, now: () => number = () => performance.now()) {
    this.#supervisor = supervisor
    this.#now = now
  }

  /**
   * Calls `work` for each item: now for as many items as this turn of the event loop permits, and for the others in
   * later turns.
   *
   * @param work  processes one item and returns the cost, in units of one check of a stream. An exception ends the run
   * @returns a promise that resolves after the last item; `undefined` when all items were processed before this method
   *   returns
   */
  run<Item>(
    priority: 'urgent' | 'routine',
    items: readonly Item[],
    work: (item: Item) => number,
  ): Promise<void> | undefined {
    let next = 0
    const step = (): number => (next < items.length ? work(items[next++]!) : 0)
    this.#beginTurn()
    const queue = priority === 'urgent' ? this.#urgent : this.#routine
    const isFirst = this.#urgent.length === 0 && (priority === 'urgent' || this.#routine.length === 0)
    if (isFirst && this.#finishes(step)) return undefined
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    queue.push({ step, done: resolve, failed: reject })
    if (!this.#running) {
      this.#running = true
      void this.#supervisor.attempt(() => this.#runTasks())
    }
    return promise
  }

  #beginTurn(): void {
    if (this.#turnBegun) return
    this.#turnBegun = true
    this.#left = SLICE_COST
    this.#endAt = this.#now() + SLICE_MS
    setImmediate(() => {
      this.#turnBegun = false
    })
  }

  /** Runs steps of a task. @returns true when the task is complete; false when the slice of this turn is used up */
  #finishes(step: () => number): boolean {
    while (this.#left > 0 && this.#now() < this.#endAt) {
      const cost = step()
      if (cost === 0) return true
      this.#left -= cost
    }
    return false
  }

  async #runTasks(): Promise<void> {
    do {
      await nextTurn()
      this.#turnBegun = false
      this.#beginTurn()
      this.#runSlice()
    } while (this.#urgent.length > 0 || this.#routine.length > 0)
    this.#running = false
  }

  #runSlice(): void {
    for (const queue of [this.#urgent, this.#routine]) {
      for (;;) {
        const [task] = queue
        if (task === undefined) break
        try {
          if (!this.#finishes(task.step)) return
          task.done()
        } catch (error) {
          task.failed(error)
        }
        queue.shift()
      }
    }
  }
}
