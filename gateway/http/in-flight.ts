import { performance } from 'node:perf_hooks'
import { denial } from '../base/denial.ts'
import { GatewayFault } from '../base/fault.ts'
import { Roster, type Rostered } from '../base/roster.ts'
import { Supervisor } from '../base/supervisor.ts'
import { abandon, fail, refuseLate } from '../pipeline/driver.ts'
import type { Exchange } from '../pipeline/exchange.ts'

const SWEEP_MS = 250
/** The shortest that the listener's own timer runs is 4 s. */
const NUDGE_SWEEPS = 8
/** A client that moves less than this while it is waited for stalls. */
const PACE_BYTES_PER_S = 1024

const uploadStalled = denial('upload-stalled')

/** What clients are granted: so many sweeps to move so many bytes. */
export interface Patience {
  readonly sweeps: number
  readonly bytes: number
}

/** The client's side of an exchange, as the sweep sees it. */
interface Watched extends Rostered {
  readonly exchange: Exchange
  /** Keeps the listener's own timer off where `look` judges. */
  nudge(): void
  /** @returns what to end the exchange for */
  look(patience: Patience): 'reader-stalled' | 'upload-stalled' | undefined
  abort(): void
}

/** The exchanges that are not over: what a stop waits for, and what a sweep holds to time and pace. */
export class InFlight {
  readonly #watched = new Roster<Watched>()
  readonly #patience: Patience
  readonly #endSweeping: () => void
  #sweeps = 0

  /** @param idleS  longest time in which a client that is waited for may stall, s */
  constructor(idleS: number) {
    this.#patience = { sweeps: (idleS * 1000) / SWEEP_MS, bytes: idleS * PACE_BYTES_PER_S }
    this.#endSweeping = new Supervisor('exchange-sweep').repeat(SWEEP_MS, () => this.#sweep())
  }

  get size(): number {
    return this.#watched.size
  }

  add(watched: Watched): void {
    this.#watched.add(watched)
  }

  /** Does nothing for one that has left already. */
  delete(watched: Watched): void {
    this.#watched.delete(watched)
  }

  /** One timer for all: a timer per exchange would cost each of them. */
  #sweep(): void {
    const now = performance.now()
    const nudging = ++this.#sweeps % NUDGE_SWEEPS === 0
    const faults: unknown[] = []
    this.#watched.visit((watched) => {
      try {
        this.#look(watched, now, nudging)
      } catch (error) {
        // The others are still held to their time.
        faults.push(error)
        this.#watched.delete(watched)
        watched.abort()
      }
    })
    if (faults.length > 0) throw faults[0]
  }

  #look(watched: Watched, now: number, nudging: boolean): void {
    const x = watched.exchange
    if (x.deadlineAt !== 0 && x.deadlineAt < now) {
      fail(x, new GatewayFault('exchange-timeout', 'upstream', 'the total time of the service is over'))
    }
    if (nudging) watched.nudge()
    const stalled = watched.look(this.#patience)
    if (stalled === 'upload-stalled') refuseLate(x, uploadStalled)
    else if (stalled === 'reader-stalled') {
      abandon(x, stalled)
      watched.abort()
    }
  }

  /** Gives up what is left: its connections are about to be closed. */
  close(): void {
    this.#endSweeping()
    this.#watched.visit(({ exchange }) => abandon(exchange, 'node-stopped'))
  }
}
