import { GatewayFault } from '../base/fault.ts'
import { abandon, fail } from '../pipeline/driver.ts'
import type { Exchange } from '../pipeline/exchange.ts'

const SWEEP_MS = 250

/** The exchanges that are not over: what a stop waits for, and what a sweep holds to its total time. */
export class InFlight {
  readonly #exchanges = new Set<Exchange>()
  readonly #sweep: NodeJS.Timeout

  constructor() {
    this.#sweep = setInterval(() => this.#endOverdue(), SWEEP_MS)
    this.#sweep.unref()
  }

  get size(): number {
    return this.#exchanges.size
  }

  add(x: Exchange): void {
    this.#exchanges.add(x)
  }

  delete(x: Exchange): void {
    this.#exchanges.delete(x)
  }

  /** One timer for all: a timer per exchange would cost each of them. */
  #endOverdue(): void {
    const now = performance.now()
    for (const x of this.#exchanges) {
      if (x.deadlineAt !== 0 && x.deadlineAt < now) {
        fail(x, new GatewayFault('exchange-timeout', 'upstream', 'the total time of the service is over'))
      }
    }
  }

  /** Gives up what is left: its connections are about to be closed. */
  close(): void {
    clearInterval(this.#sweep)
    for (const x of this.#exchanges) abandon(x, 'node-stopped')
  }
}
