import type { Session } from '../../sessions/session.ts'
import type { Gate } from '../gate.ts'

/** Uses are reported at most once per this fraction of the idle lifetime, so that Redis gets few writes per stream. */
const REPORT_FRACTION = 10
/** Time between two questions about a session that another node keeps in use, ms. */
const ASK_EVERY_MS = 1000

/** The use of a login session by the client of one stream. A session without use ends after its idle lifetime. */
export class SessionUse {
  readonly #sessions: NonNullable<Gate['sessions']>
  readonly #idleMs: number
  #idleFromMs: number
  #reportAtMs: number

  /**
   * @param session  its request was a use, which is already reported
   * @param nowMs    ms since the Unix epoch, here and below
   */
  constructor({ lifetime }: Session, sessions: NonNullable<Gate['sessions']>, nowMs: number) {
    this.#sessions = sessions
    this.#idleMs = lifetime.idleMs
    this.#idleFromMs = nowMs + lifetime.idleMs
    this.#reportAtMs = nowMs + lifetime.idleMs / REPORT_FRACTION
  }

  /** Records that the client of the session has sent bytes, which restarts the idle time. */
  note(session: Session, nowMs: number): void {
    this.#idleFromMs = nowMs + this.#idleMs
    if (nowMs < this.#reportAtMs) return
    this.#reportAtMs = nowMs + this.#idleMs / REPORT_FRACTION
    this.#sessions.use(session)
  }

  /** Whether the session may have ended, because this stream has not used it for its idle lifetime. */
  isIdle(nowMs: number): boolean {
    return nowMs >= this.#idleFromMs
  }

  /**
   * Asks whether other requests have kept the session in use.
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
