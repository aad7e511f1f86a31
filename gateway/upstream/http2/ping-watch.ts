import type { ClientHttp2Session } from 'node:http2'
import type { Sweep } from '../sweep.ts'
import { PING_ACK_MS, PING_PAUSE_MS, SILENT_MS, STALE_MS } from './session-limits.ts'

const SWEEP_MS = 250
const sweepsOf = (ms: number): number => Math.ceil(ms / SWEEP_MS)

/**
 * Detects with PINGs (RFC 9113 §6.7) that the connection of an HTTP/2 session is lost. Times are counted in sweeps (250
 * ms), so that a process that was suspended does not close its connections when it resumes.
 */
export class PingWatch {
  readonly #sweep: Sweep
  /**
   * Number of bytes that the service had sent when it last sent something. `#heardAt` is the number of the sweep at
   * that time.
   */
  #read = 0
  #heardAt: number
  /** Number of the sweep at which the latest PING was sent; `undefined` before the first one. */
  #pingedAt: number | undefined
  /** True while the reply to a PING is outstanding. */
  #waits = false
  /** True when the service has sent the head or data of a reply since the latest PING was sent. */
  #hasAnswered = true

  constructor(sweep: Sweep) {
    this.#sweep = sweep
    this.#heardAt = sweep.now
  }

  /**
   * Updates the time at which the service last sent something.
   *
   * @param bytesRead  number of bytes that the service has sent so far
   */
  heard(bytesRead: number): void {
    if (bytesRead === this.#read) return
    this.#read = bytesRead
    this.#heardAt = this.#sweep.now
    this.#waits = false
  }

  /** Call this when the service has sent the head or data of a reply. */
  answered(): void {
    this.#hasAnswered = true
  }

  /** Returns the time for which the service has sent nothing, ms. */
  quietMs(bytesRead: number): number {
    this.heard(bytesRead)
    return (this.#sweep.now - this.#heardAt) * SWEEP_MS
  }

  /**
   * Call this when a call has started on the session. After a long silence of the service, sends a PING to check the
   * connection.
   */
  started(session: ClientHttp2Session, bytesRead: number): void {
    if (this.quietMs(bytesRead) >= STALE_MS) this.#ping(session)
  }

  /**
   * Call this at each sweep of a session with calls. Sends a PING after a long silence.
   *
   * @returns true when the service did not reply to a PING in time
   */
  isDead(session: ClientHttp2Session, bytesRead: number): boolean {
    const quietMs = this.quietMs(bytesRead)
    if (this.#waits) return this.#sweep.now - this.#pingedAt! >= sweepsOf(PING_ACK_MS)
    if (quietMs >= SILENT_MS) this.#ping(session)
    return false
  }

  #ping(session: ClientHttp2Session): void {
    if (this.#waits || session.destroyed) return
    if (!this.#hasAnswered && this.#sweep.now - this.#pingedAt! < sweepsOf(PING_PAUSE_MS)) return
    this.#pingedAt = this.#sweep.now
    this.#hasAnswered = false
    // The callback does nothing: `heard` detects the bytes of the reply.
    this.#waits = session.ping(() => undefined)
  }
}
