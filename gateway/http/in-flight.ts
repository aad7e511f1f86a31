import { performance } from 'node:perf_hooks'
import { ActiveSet, type ActiveSetMember } from '../base/active-set.ts'
import { denial } from '../base/denial.ts'
import { GatewayFault } from '../base/fault.ts'
import { Supervisor } from '../base/supervisor.ts'
import { abandon, fail, refuseForwarded } from '../pipeline/exchange/driver.ts'
import type { Exchange } from '../pipeline/exchange/exchange.ts'

const SWEEP_MS = 250
/** Interval at which timeouts of uWebSockets.js are restarted, in sweeps: 2 s. The shortest timeout of uWebSockets.js is 4 s. */
const RESTART_SWEEPS = 8
/** Minimum pace of a client that the gate waits for, bytes per second. A slower client is stalled. */
const PACE_BYTES_PER_S = 1024

const uploadStalled = denial('upload-stalled')

/** A client stalls when it moves fewer than `bytes` in `sweeps` sweeps. */
export interface StallLimit {
  readonly sweeps: number
  readonly bytes: number
}

export interface StallLimits {
  /** Limit for replies, and for uploads with Content-Length. */
  readonly standard: StallLimit
  /**
   * Limit for chunked uploads. uWebSockets.js may have misread their framing and then waits for bytes that never come.
   */
  readonly chunkedUpload: StallLimit
}

/** The client's side of an exchange, as the sweep uses it. */
interface Watched extends ActiveSetMember {
  readonly exchange: Exchange
  /** Restarts uWebSockets.js's own timeout, so that it does not end an exchange that `stallReason` watches. */
  restartTimeout(): void
  /** @returns the reason to end the exchange when the client stalls */
  stallReason(limits: StallLimits): 'reader-stalled' | 'upload-stalled' | undefined
  abort(): void
}

/** The exchanges in progress. A graceful stop waits for them, and a sweep enforces their deadlines and minimum pace. */
export class InFlight {
  readonly #watched = new ActiveSet<Watched>()
  readonly #stallLimits: StallLimits
  readonly #endSweeping: () => void
  #sweeps = 0

  /**
   * @param idleS         longest time that a client may stall while the gate waits for it, s
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

  /** Removes an exchange; does nothing when it was removed before. */
  delete(watched: Watched): void {
    this.#watched.delete(watched)
  }

  /** One timer for all exchanges; a timer per exchange would cost time in every exchange. */
  #sweep(): void {
    const now = performance.now()
    const restarting = ++this.#sweeps % RESTART_SWEEPS === 0
    const faults: unknown[] = []
    this.#watched.visit((watched) => {
      try {
        this.#look(watched, now, restarting)
      } catch (error) {
        // The other exchanges must still be swept. The first error is thrown afterwards.
        faults.push(error)
        this.#watched.delete(watched)
        watched.abort()
      }
    })
    if (faults.length > 0) throw faults[0]
  }

  #look(watched: Watched, now: number, restarting: boolean): void {
    const x = watched.exchange
    if (x.deadlineAt !== 0 && x.deadlineAt < now) {
      fail(
        x,
        new GatewayFault('exchange-timeout', 'upstream', 'the exchange took longer than timeouts.total of the route'),
      )
    }
    if (restarting) watched.restartTimeout()
    const stalled = watched.stallReason(this.#stallLimits)
    if (stalled === 'upload-stalled') refuseForwarded(x, uploadStalled)
    else if (stalled === 'reader-stalled') {
      abandon(x, stalled)
      watched.abort()
    }
  }

  /** Abandons the remaining exchanges: their connections are about to be closed. */
  close(): void {
    this.#endSweeping()
    this.#watched.visit(({ exchange }) => abandon(exchange, 'node-stopped'))
  }
}

function stallLimit(seconds: number): StallLimit {
  return { sweeps: (seconds * 1000) / SWEEP_MS, bytes: seconds * PACE_BYTES_PER_S }
}
