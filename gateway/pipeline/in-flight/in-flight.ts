import { performance } from 'node:perf_hooks'
import { ActiveSet, type ActiveSetMember } from '../../base/active-set.ts'
import { denial } from '../../base/denial.ts'
import { inSlices } from '../../base/in-slices.ts'
import { Supervisor } from '../../base/supervisor.ts'
import type { StreamCandidate } from '../../streams/watched-stream.ts'
import { deadlineFault } from '../exchange/deadline.ts'
import { abandon, fail, refuseForwarded } from '../exchange/driver.ts'
import type { Exchange, Recorded } from '../exchange/exchange.ts'
import { RelayedStream } from '../exchange/relayed-stream.ts'

const SWEEP_MS = 250
/** Maximum number of exchanges that are swept in one turn of the event loop. */
const SLICE = 1024
/**
 * Interval at which the client timeouts of the listener's library are restarted, in sweeps: 8 × 250 ms = 2 s. The
 * shortest of these timeouts, in uWebSockets.js, is 4 s.
 */
const RESTART_SWEEPS = 8
/**
 * Minimum pace of a client while the gate waits for it, bytes per second. A client that is slower for the idle time is
 * stalled.
 */
const PACE_BYTES_PER_S = 1024

const uploadStalled = denial('upload-stalled')
const nodeStopped = denial('node-stopped')

/**
 * Limit at which a client counts as stalled: it moves fewer than `bytes` in `sweeps` consecutive sweeps (250 ms each).
 */
export interface StallLimit {
  readonly sweeps: number
  readonly bytes: number
}

export interface StallLimits {
  /** Limit for clients that read replies, and for uploads with Content-Length. */
  readonly standard: StallLimit
  /**
   * Limit for chunked uploads. It can be lower, because uWebSockets.js can misread the chunk framing and then wait for
   * bytes that never arrive.
   */
  readonly chunkedUpload: StallLimit
}

/** Client side of an exchange, as the sweep for stalled clients uses it. */
interface Watched extends ActiveSetMember {
  readonly exchange: Exchange
  /**
   * Restarts the timeout of the listener's library, if it has one, so that this timeout does not end an exchange that
   * `stallReason` checks.
   */
  restartTimeout(): void
  /**
   * Checks whether the client stalls. @returns the reason to end the exchange, or `undefined` when the client does not
   * stall
   */
  stallReason(limits: StallLimits): 'reader-stalled' | 'upload-stalled' | undefined
  abort(): void
  /** True when the exchange is an open WebSocket. */
  readonly isWebSocket: boolean
  /** Closes the WebSocket because the node stops. */
  goAway(): void
}

/**
 * The exchanges in progress. A graceful stop waits for them. A sweep every 250 ms enforces their deadlines and minimum
 * pace.
 */
export class InFlight {
  /**
   * Client sides of the exchanges in progress.
   *
   * @bound one for each HTTP/1.1 connection and HTTP/2 stream | connections: the limit of open files |
   * gatehouse_in_flight
   */
  readonly #watched = new ActiveSet<Watched>()
  /**
   * Exchanges in progress that `visitUnregistered` found registered as streams.
   *
   * @bound one for each HTTP/1.1 connection and HTTP/2 stream | connections: the limit of open files |
   * gatehouse_in_flight
   */
  readonly #registered = new ActiveSet<Watched>()
  readonly #stallLimits: StallLimits
  readonly #endSweeping: () => void
  #sweeps = 0
  /** Sweeps until the last WebSocket is closed; `undefined` while the node does not stop. */
  #sweepsLeft: number | undefined

  /**
   * @param idleS         maximum time for which a client can stall while the gate waits for it, s
   * @param chunkedIdleS  the same maximum for the client of a chunked upload, s
   */
  constructor(idleS: number, chunkedIdleS: number) {
    this.#stallLimits = { standard: stallLimit(idleS), chunkedUpload: stallLimit(chunkedIdleS) }
    this.#endSweeping = new Supervisor('exchange-sweep').repeat(SWEEP_MS, () => this.#sweep())
  }

  get size(): number {
    return this.#watched.size + this.#registered.size
  }

  add(watched: Watched): void {
    this.#watched.add(watched)
  }

  /** Removes an exchange from the exchanges in progress. Does nothing when the exchange was removed before. */
  delete(watched: Watched): void {
    if (this.#watched.has(watched)) this.#watched.delete(watched)
    else this.#registered.delete(watched)
  }

  /** Adds the number of exchanges in progress to `counts` by the id of their route, which is `''` without a route. */
  countByRoute(counts: Map<string, number>): void {
    this.#visit(({ exchange: { route } }) => {
      const id = route?.id ?? ''
      counts.set(id, (counts.get(id) ?? 0) + 1)
    })
  }

  #visit(visitor: (watched: Watched) => void): void {
    this.#watched.visit(visitor)
    this.#registered.visit(visitor)
  }

  /**
   * Calls back with each exchange that may have become a stream and is not registered: its reply has begun, its upload
   * is not complete, or it is a gRPC call. Omits WebSockets, which are registered when they open.
   */
  visitUnregistered(found: (candidate: StreamCandidate) => void): void {
    this.#watched.visit((watched) => {
      const { exchange: x, isWebSocket } = watched
      if (x.stream !== undefined || isWebSocket) {
        // Move the exchange to the set of registered streams, which this method does not visit. Otherwise thousands of
        // streams would cost time at each event of the cluster.
        this.#watched.delete(watched)
        this.#registered.add(watched)
        return
      }
      if (x.replyHead === undefined && !(x.call !== undefined && (x.downstream.uploading || x.head.grpc))) return
      found(streamOf(x))
    })
  }

  /**
   * Start one timer for the sweep of all exchanges, because a timer per exchange would cost CPU time in each exchange.
   */
  async #sweep(): Promise<void> {
    const now = performance.now()
    const restarting = ++this.#sweeps % RESTART_SWEEPS === 0
    const faults: unknown[] = []
    const all = [...this.#watched.members(), ...this.#registered.members()]
    await inSlices(all, SLICE, (watched) => {
      // Skip an exchange that ended after the sweep began.
      if (watched.place === -1) return
      try {
        this.#look(watched, now, restarting)
      } catch (error) {
        // Continue the sweep with the other exchanges after an error. The first error is thrown after the sweep.
        faults.push(error)
        this.delete(watched)
        watched.abort()
      }
    })
    if (this.#sweepsLeft !== undefined) this.#endSomeWebSockets()
    if (faults.length > 0) throw faults[0]
  }

  #look(watched: Watched, now: number, restarting: boolean): void {
    const x = watched.exchange
    if (x.deadlineAt !== 0 && x.deadlineAt < now) {
      fail(x, deadlineFault(x))
    }
    x.stream?.sweep()
    if (restarting) watched.restartTimeout()
    const stalled = watched.stallReason(this.#stallLimits)
    if (stalled === 'upload-stalled') refuseForwarded(x, uploadStalled)
    else if (stalled === 'reader-stalled') {
      abandon(x, stalled)
      watched.abort()
    }
  }

  /**
   * Closes the WebSockets in progress, evenly over a time. @param overMs  time until the last WebSocket is closed, ms
   */
  endWebSockets(overMs: number): void {
    this.#sweepsLeft = Math.floor(overMs / SWEEP_MS)
  }

  #endSomeWebSockets(): void {
    let open = 0
    this.#visit(({ isWebSocket }) => {
      if (isWebSocket) open++
    })
    let due = Math.ceil(open / Math.max(1, this.#sweepsLeft!--))
    this.#visit((watched) => {
      if (watched.isWebSocket && due-- > 0) watched.goAway()
    })
  }

  /** Ends the gRPC calls in progress, because the node stops. Their clients get UNAVAILABLE. */
  endCalls(): void {
    this.#visit(({ exchange: x }) => {
      if (x.head.grpc) refuseForwarded(x, nodeStopped)
    })
  }

  /** Stops the sweep, and abandons the exchanges in progress, because their connections are about to be closed. */
  close(): void {
    this.#endSweeping()
    this.#visit((watched) => {
      if (watched.isWebSocket) watched.goAway()
      abandon(watched.exchange, 'node-stopped')
    })
  }
}

/**
 * Registers an exchange in progress as a stream, if its reply or upload is still in progress, or if it is a gRPC call.
 */
export function watchExchange(x: Exchange): void {
  x.gate.streams?.open(streamOf(x))
}

function streamOf(x: Exchange): StreamCandidate {
  return { startStream: () => RelayedStream.start(x as Recorded) }
}

function stallLimit(seconds: number): StallLimit {
  return { sweeps: (seconds * 1000) / SWEEP_MS, bytes: seconds * PACE_BYTES_PER_S }
}
