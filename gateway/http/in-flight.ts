import { denial } from '../base/denial.ts'
import { GatewayFault } from '../base/fault.ts'
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
interface Watched {
  readonly exchange: Exchange
  /** Where it stands among those in flight; -1: it is none of them. Kept by `InFlight` alone. */
  place: number
  /** Keeps the listener's own timer off where `look` judges. */
  nudge(): void
  /** @returns what to end the exchange for */
  look(patience: Patience): 'reader-stalled' | 'upload-stalled' | undefined
  abort(): void
}

/**
 * The exchanges that are not over: what a stop waits for, and what a sweep holds to time and pace. An array, since a `Map`
 * that is written to so often is made anew again and again: each old table, with the exchanges that it had, keeps the next
 * one alive (V8 links them for iterators), and so the collector copied every third object of every exchange.
 */
export class InFlight {
  readonly #watched: Watched[] = []
  readonly #patience: Patience
  readonly #timer: NodeJS.Timeout
  #sweeps = 0

  /** @param idleS  longest time in which a client that is waited for may stall, s */
  constructor(idleS: number) {
    this.#patience = { sweeps: (idleS * 1000) / SWEEP_MS, bytes: idleS * PACE_BYTES_PER_S }
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS)
    this.#timer.unref()
  }

  get size(): number {
    return this.#watched.length
  }

  add(watched: Watched): void {
    watched.place = this.#watched.push(watched) - 1
  }

  delete(watched: Watched): void {
    const { place } = watched
    if (place === -1) return
    watched.place = -1
    const last = this.#watched.pop()!
    if (last === watched) return
    this.#watched[place] = last
    last.place = place
  }

  /** One timer for all: a timer per exchange would cost each of them. */
  #sweep(): void {
    const now = performance.now()
    const nudging = ++this.#sweeps % NUDGE_SWEEPS === 0
    // From the end: whoever leaves is replaced by the last one, which has been looked at.
    for (let i = this.#watched.length - 1; i >= 0; i--) {
      const watched = this.#watched[i]
      // Several may have left at once.
      if (watched === undefined) continue
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
  }

  /** Gives up what is left: its connections are about to be closed. */
  close(): void {
    clearInterval(this.#timer)
    for (const { exchange } of this.#watched.toReversed()) abandon(exchange, 'node-stopped')
  }
}
