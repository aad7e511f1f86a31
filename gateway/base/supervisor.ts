import { performance } from 'node:perf_hooks'
import type { BackgroundTask } from './background-tasks.ts'

/** Clock and timers of a supervisor. A test passes its own clock and timers, to move the time. */
export interface TaskTimers {
  /** Returns the monotonic time, ms. */
  now(): number
  /**
   * Calls `callback` once after `ms` milliseconds. The timer does not keep the process alive.
   *
   * @returns function that cancels the timer
   */
  after(ms: number, callback: () => void): () => void
}

/**
 * Function that logs a failure of a background task.
 *
 * @param failures  number of failures of this task since the start of the process
 */
export type TaskReport = (task: BackgroundTask, fault: string, failures: number) => void

/**
 * First pause after a failure of a background task, ms. The pause doubles with each consecutive failure, up to
 * `BACK_OFF_MAX_MS`.
 */
const BACK_OFF_MIN_MS = 100
const BACK_OFF_MAX_MS = 10_000
/**
 * Shortest duration of a run of a background task that counts as healthy, ms. A failure after a healthy run restarts
 * the back-off at the minimum.
 */
const HEALTHY_MS = 30_000
/**
 * Shortest time between two log lines about failures of one background task, ms. Each line contains the number of
 * failures so far.
 */
const REPORT_EVERY_MS = 1000

export const processTimers: TaskTimers = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms).unref()
    return () => clearTimeout(timer)
  },
}

/** Number of failures by background task. @bound code */
const failures = new Map<BackgroundTask, number>()
/** Time of the last log line about a failure, by background task. @bound code */
const reportedAt = new Map<BackgroundTask, number>()
let report: TaskReport = (task, fault) => console.error(`background task ${task} failed: ${fault}`)

/**
 * Sets the receiver of failure reports, such as the log. The receiver is that of the whole process, which is one node
 * or one worker.
 */
export function reportTaskFailures(to: TaskReport): void {
  report = to
}

/** Number of failures of each supervised task in this process since its start. */
export function taskFailures(): ReadonlyMap<BackgroundTask, number> {
  return failures
}

/**
 * Runs one background task: logs and counts its failures, and restarts it with a back-off. Its methods never throw, and
 * their promises never reject: a failed background task does not end the process.
 *
 * The supervisor is not a handler for the whole process: an unhandled rejection elsewhere still ends the process.
 */
export class Supervisor {
  readonly #task: BackgroundTask
  readonly #timers: TaskTimers
  #stopped = false
  /** Functions that end the pauses of the background task. @bound code */
  readonly #pauses = new Set<() => void>()

  constructor(task: BackgroundTask, timers: TaskTimers = processTimers) {
    this.#task = task
    this.#timers = timers
    if (!failures.has(task)) failures.set(task, 0)
  }

  /**
   * Runs the work of the background task and restarts it after each failure. Resolves when the work ends without a
   * failure, or after `stop`.
   */
  async run(work: () => Promise<void>): Promise<void> {
    for (let failuresInRow = 0; !this.#stopped; ) {
      const startedAt = this.#timers.now()
      if (await this.#succeeds(work)) return
      const healthy = this.#timers.now() - startedAt >= HEALTHY_MS
      failuresInRow = healthy ? 1 : failuresInRow + 1
      await this.#pause(backOffMs(failuresInRow))
    }
  }

  /** Runs the work of the background task once. A failure is logged and counted, but the work is not restarted. */
  async attempt(work: () => unknown): Promise<void> {
    await this.#succeeds(work)
  }

  /**
   * Runs the work of the background task once after `ms` milliseconds.
   *
   * @returns function that cancels the run
   */
  after(ms: number, work: () => unknown): () => void {
    return this.#timers.after(ms, () => void this.attempt(work))
  }

  /**
   * Runs the work of the background task repeatedly. Each run starts `pauseMs` after the end of the previous one, or
   * later after failures, because of the back-off.
   *
   * @param pauseMs  pause in ms, or a function that returns it before each run
   * @returns function that ends the repetition; a run in progress completes
   */
  repeat(pauseMs: number | (() => number), work: () => unknown): () => void {
    let ended = false
    let failuresInRow = 0
    let cancel = (): void => undefined
    const later = (): void => {
      if (ended || this.#stopped) return
      const usualMs = typeof pauseMs === 'number' ? pauseMs : pauseMs()
      const delayMs = failuresInRow === 0 ? usualMs : Math.max(usualMs, backOffMs(failuresInRow))
      cancel = this.#timers.after(delayMs, () => void this.attempt(once))
    }
    const once = async (): Promise<void> => {
      failuresInRow = (await this.#succeeds(work)) ? 0 : failuresInRow + 1
      later()
    }
    later()
    return () => {
      ended = true
      cancel()
    }
  }

  /** Prevents further restarts of the background task and ends the current pause. */
  stop(): void {
    this.#stopped = true
    for (const end of this.#pauses) end()
  }

  async #succeeds(work: () => unknown): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      this.#fail(error)
      return false
    }
  }

  #fail(error: unknown): void {
    const count = (failures.get(this.#task) ?? 0) + 1
    failures.set(this.#task, count)
    const now = this.#timers.now()
    if (now - (reportedAt.get(this.#task) ?? Number.NEGATIVE_INFINITY) < REPORT_EVERY_MS) return
    reportedAt.set(this.#task, now)
    report(this.#task, error instanceof Error ? (error.stack ?? error.message) : String(error), count)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.#pauses.delete(end)
        resolve()
      }
      const cancel = this.#timers.after(ms, end)
      this.#pauses.add(end)
    })
  }
}

function backOffMs(failuresInRow: number): number {
  return Math.min(BACK_OFF_MIN_MS * 2 ** Math.min(failuresInRow - 1, 20), BACK_OFF_MAX_MS)
}
