import { setTimeout as sleep } from 'node:timers/promises'
import { GatewayFault } from '../../base/fault.ts'
import type { OperatorSession } from './console-session.ts'
import type { ConsoleSessions, FoundSession } from './console-sessions.ts'
import type { OidcLogin } from './oidc-login.ts'

/** Time before the expiry of an access token from which a call refreshes it, ms. */
const AHEAD_MS = 10_000
/** Maximum time for which a call waits for the refresh by another node, ms, and the time between two reads. */
const WAIT_MS = 5000
const READ_EVERY_MS = 100

/**
 * Refreshes the access tokens of sessions of the console. Of all nodes, one refreshes the token of a session: many
 * issuers end a grant whose refresh token is used twice.
 */
export class TokenRefresher {
  readonly #oidc: Pick<OidcLogin, 'refresh'>
  readonly #sessions: Pick<ConsoleSessions, 'reread' | 'replace' | 'lock' | 'unlock'>
  readonly #nowMs: () => number
  /** Refreshes in progress, by session id. @bound 1,000 refreshes, one for each session | calls wait for the refresh in progress | none */
  readonly #running = new Map<string, Promise<OperatorSession | 'refused'>>()

  constructor(
    oidc: Pick<OidcLogin, 'refresh'>,
    sessions: Pick<ConsoleSessions, 'reread' | 'replace' | 'lock' | 'unlock'>,
    nowMs: () => number,
  ) {
    this.#oidc = oidc
    this.#sessions = sessions
    this.#nowMs = nowMs
  }

  /**
   * Returns a session with an access token that has not expired, as far as the session can have one.
   *
   * @returns `refused` when the issuer no longer accepts the refresh token
   * @throws {GatewayFault} as a rejection: the issuer, or the node that refreshes, is unavailable
   */
  async current(found: FoundSession): Promise<OperatorSession | 'refused'> {
    const { session, id } = found
    if (!this.#isDue(session)) return session
    let running = this.#running.get(id)
    if (running === undefined) {
      running = this.#refresh(found).finally(() => this.#running.delete(id))
      this.#running.set(id, running)
    }
    return running
  }

  #isDue({ refreshToken, tokenEndsAtMs }: OperatorSession): boolean {
    if (refreshToken === undefined || tokenEndsAtMs === undefined) return false
    return this.#nowMs() >= tokenEndsAtMs - AHEAD_MS
  }

  async #refresh(found: FoundSession): Promise<OperatorSession | 'refused'> {
    const { id } = found
    if (!(await this.#sessions.lock(id))) return this.#refreshedElsewhere(found)
    try {
      // Read the session again: another node can have refreshed it before this node got the lock.
      const session = (await this.#sessions.reread(id)) ?? found.session
      if (!this.#isDue(session)) return session
      const tokens = await this.#oidc.refresh(session.refreshToken!)
      if (tokens === 'refused') return 'refused'
      const { accessToken: token, refreshToken = session.refreshToken, accessExpiresAtS } = tokens
      const tokenEndsAtMs = accessExpiresAtS === undefined ? undefined : accessExpiresAtS * 1000
      const refreshed = { ...session, token, refreshToken, tokenEndsAtMs }
      await this.#sessions.replace(id, refreshed)
      return refreshed
    } finally {
      await this.#sessions.unlock(id)
    }
  }

  async #refreshedElsewhere({ id, session }: FoundSession): Promise<OperatorSession | 'refused'> {
    for (let waitedMs = 0; waitedMs < WAIT_MS; waitedMs += READ_EVERY_MS) {
      await sleep(READ_EVERY_MS, undefined, { ref: false })
      const now = await this.#sessions.reread(id)
      if (now === undefined) return 'refused'
      if (now.token !== session.token) return now
    }
    throw new GatewayFault(
      'refresh-unavailable',
      'issuer',
      'another node refreshes the token of this session; try again',
    )
  }
}
