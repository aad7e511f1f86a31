import { inSlices } from '../base/in-slices.ts'
import { Supervisor } from '../base/supervisor.ts'

const SWEEP_MS = 250
/** Maximum number of connections that are swept in one turn of the event loop. */
const SLICE = 1024

/** An object whose deadlines are numbers of sweeps (one every 250 ms). */
interface Watched {
  /** Checks the deadlines of the object. @param now  number of the current sweep */
  sweep(now: number): void
}

/**
 * One timer for the deadlines of all connections: a timer per exchange would cost CPU time in every exchange. Deadlines
 * are counted in sweeps of 250 ms, not read from a clock: a suspended process does not time out its services when it
 * resumes.
 */
export class Sweep {
  /**
   * Calls and connections whose deadlines are checked.
   *
   * @bound calls: `max_calls` of the service | the request is refused | gatehouse_upstream_connections
   */
  readonly #watched = new Set<Watched>()
  readonly #task = new Supervisor('upstream-sweep')
  #endSweeping: (() => void) | undefined
  /** Number of the current sweep. Never 0, because a deadline of 0 means no deadline. */
  now = 1

  /** Returns the number of the sweep that ends a wait of at least `ms`; the wait can last up to 500 ms longer. */
  after(ms: number): number {
    return this.now + Math.ceil(ms / SWEEP_MS) + 1
  }

  /** Returns the number of the sweep that ends a wait of at most `ms`; the wait can be up to 250 ms shorter. */
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

  async #run(): Promise<void> {
    this.now++
    const faults: unknown[] = []
    await inSlices(this.#watched, SLICE, (watched) => {
      try {
        watched.sweep(this.now)
      } catch (error) {
        // Continue with the other connections after an error, and throw the first error after the loop.
        faults.push(error)
        this.#watched.delete(watched)
      }
    })
    if (faults.length > 0) throw faults[0]
  }
}
