import {
  CONSOLE_IDLE_MS,
  CONSOLE_SESSIONS_MAX,
  CONSOLE_SESSIONS_OF_PERSON_MAX,
  type OperatorSession,
  personOf,
} from './console-session.ts'

interface MemorySession {
  session: OperatorSession
  usedAtMs: number
  /** Whether Redis has stored the session. A session that Redis has stored ends when Redis no longer has it. */
  readonly stored: boolean
}

/**
 * Sessions of the console in the memory of one node: all sessions of a node without Redis or without encryption keys,
 * and else copies of the sessions that browsers use at this node, for an outage of Redis.
 */
export class MemorySessions {
  readonly #nowMs: () => number
  /**
   * Sessions of the console by id, in the order of their last use.
   *
   * @bound 1,000 sessions | the session that was not used for the longest time is ended | none
   */
  readonly #sessions = new Map<string, MemorySession>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Adds a console session. Ends the least recently used console sessions above the limits. */
  add(id: string, session: OperatorSession, stored: boolean): void {
    this.#sweep()
    this.#sessions.delete(id)
    const person = personOf(session)
    const others = [...this.#sessions].filter(([, each]) => personOf(each.session) === person)
    const surplus = others.slice(0, Math.max(0, others.length - CONSOLE_SESSIONS_OF_PERSON_MAX + 1))
    for (const [each] of surplus) this.#sessions.delete(each)
    for (const each of this.#sessions.keys()) {
      if (this.#sessions.size < CONSOLE_SESSIONS_MAX) break
      this.#sessions.delete(each)
    }
    this.#sessions.set(id, { session, usedAtMs: this.#nowMs(), stored })
  }

  /**
   * Returns a console session and restarts its idle time; `undefined` when there is no such session, or it has ended.
   */
  use(id: string): { readonly session: OperatorSession; readonly stored: boolean } | undefined {
    const found = this.#sessions.get(id)
    if (found === undefined) return undefined
    this.#sessions.delete(id)
    if (this.#isOver(found)) return undefined
    found.usedAtMs = this.#nowMs()
    this.#sessions.set(id, found)
    return found
  }

  /** Stores the refreshed tokens of a console session. Does nothing if the session has ended. */
  replace(id: string, session: OperatorSession): void {
    const found = this.#sessions.get(id)
    if (found !== undefined) found.session = session
  }

  remove(id: string): void {
    this.#sessions.delete(id)
  }

  #sweep(): void {
    for (const [id, each] of this.#sessions) if (this.#isOver(each)) this.#sessions.delete(id)
  }

  #isOver({ session, usedAtMs }: MemorySession): boolean {
    return this.#nowMs() >= Math.min(session.endsAtMs, usedAtMs + CONSOLE_IDLE_MS)
  }
}
