import { Supervisor } from '../base/supervisor.ts'

const SWEEP_MS = 250

/** What has deadlines, counted in sweeps. */
interface Watched {
  /** @param now  sweeps so far */
  sweep(now: number): void
}

/**
 * One timer for the deadlines of all connections, where a timer for each exchange would cost each of them. Time is counted
 * in sweeps, not read off the clock: a process that stood still for a while does not blame the services for it.
 */
export class Sweep {
  readonly #watched = new Set<Watched>()
  readonly #task = new Supervisor('upstream-sweep')
  #endSweeping: (() => void) | undefined
  /** Sweeps so far; never 0, which is for no deadline. */
  now = 1

  /** The sweep that a wait of at least `ms` ends with; it may last 500 ms more. */
  after(ms: number): number {
    return this.now + Math.ceil(ms / SWEEP_MS) + 1
  }

  /** The sweep that a wait of at most `ms` ends with; it may last 250 ms less. */
  before(ms: number): number {
    return this.now + Math.max(1, Math.floor(ms / SWEEP_MS))
  }

  add(watched: Watched): void {
    this.#watched.add(watched)
    this.#endSweeping ??= this.#task.repeat(SWEEP_MS, () => this.#run())
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched)
    if (this.#watched.size > 0) return
    this.#endSweeping?.()
    this.#endSweeping = undefined
  }

  #run(): void {
    this.now++
    const faults: unknown[] = []
    for (const watched of this.#watched) {
      try {
        watched.sweep(this.now)
      } catch (error) {
        // The others are still held to their deadlines.
        faults.push(error)
        this.#watched.delete(watched)
      }
    }
    if (faults.length > 0) throw faults[0]
  }
}
