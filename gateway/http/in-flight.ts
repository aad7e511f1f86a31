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

/** A client stalls when it moves fewer than `bytes` in `sweeps` sweeps. */
export interface StallLimit {
  readonly sweeps: number
  readonly bytes: number
}

export interface StallLimits {
  /** Replies, and uploads with Content-Length. */
  readonly standard: StallLimit
  /** Uploads whose framing the listener may have misread, so that it waits for bytes that never come. */
  readonly chunkedUpload: StallLimit
}

/** The client's side of an exchange, as the sweep sees it. */
interface Watched extends Rostered {
  readonly exchange: Exchange
  /** Restarts the listener's own timer, which must not end what `look` watches. */
  nudge(): void
  /** @returns the reason to end the exchange, if the client stalls */
  look(limits: StallLimits): 'reader-stalled' | 'upload-stalled' | undefined
  abort(): void
}

/** The exchanges that are not over: what a stop waits for, and what a sweep holds to time and pace. */
export class InFlight {
  readonly #watched = new Roster<Watched>()
  readonly #stallLimits: StallLimits
  readonly #endSweeping: () => void
  #sweeps = 0

  /**
   * @param idleS         longest time in which a client may stall while the gate waits for it, s
   * @param chunkedIdleS  the same for a chunked upload, s
   */
  constructor(idleS: number, chunkedIdleS: number) {
    this.#stallLimits = { standard: stallLimit(idleS), chunkedUpload: stallLimit(chunkedIdleS) }
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
    const stalled = watched.look(this.#stallLimits)
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

function stallLimit(seconds: number): StallLimit {
  return { sweeps: (seconds * 1000) / SWEEP_MS, bytes: seconds * PACE_BYTES_PER_S }
}
