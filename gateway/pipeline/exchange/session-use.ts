import type { Session } from '../../sessions/session.ts'
import type { Gate } from '../gate.ts'

/**
 * Fraction of the idle lifetime: the uses of a session are reported at most once per this fraction of the idle
 * lifetime, so that Redis gets few writes per stream.
 */
const REPORT_FRACTION = 10
/** Minimum time between two checks whether other requests keep the session of an idle stream in use, ms. */
const ASK_EVERY_MS = 1000

/** The use of a login session by the client of one stream. A session without use ends after its idle lifetime. */
export class SessionUse {
  readonly #sessions: NonNullable<Gate['sessions']>
  readonly #idleMs: number
  #idleFromMs: number
  #reportAtMs: number

  /**
   * @param session  session of the request that started the stream. This request counts as a use and is already
   *   reported
   * @param nowMs    current time, ms since the Unix epoch; the same in all methods
   */
  constructor({ lifetime }: Session, sessions: NonNullable<Gate['sessions']>, nowMs: number) {
    this.#sessions = sessions
    this.#idleMs = lifetime.idleMs
    this.#idleFromMs = nowMs + lifetime.idleMs
    this.#reportAtMs = nowMs + lifetime.idleMs / REPORT_FRACTION
  }

  /** Records that the client of the stream has sent bytes, which restarts the idle time. */
  note(session: Session, nowMs: number): void {
    this.#idleFromMs = nowMs + this.#idleMs
    if (nowMs < this.#reportAtMs) return
    this.#reportAtMs = nowMs + this.#idleMs / REPORT_FRACTION
    this.#sessions.use(session)
  }

  /**
   * Whether the session may have ended, because this stream has not used the session for the idle lifetime of the
   * session.
   */
  isIdle(nowMs: number): boolean {
    return nowMs >= this.#idleFromMs
  }

  /**
   * Looks up in Redis the last use of the session by any request, and restarts the idle time from that use.
   *
   * @returns false when the session has ended or cannot be decrypted
   *
   * @throws {GatewayFault} as a rejection, when Redis is unavailable
   */
  async isUsedElsewhere(session: Session, nowMs: number): Promise<boolean> {
    const usedAtMs = await this.#sessions.lastUseMs(session)
    if (usedAtMs === undefined) return false
    this.#idleFromMs = Math.max(usedAtMs + this.#idleMs, nowMs + ASK_EVERY_MS)
    return true
  }
}
