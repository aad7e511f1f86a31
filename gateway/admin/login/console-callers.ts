import type { IncomingMessage } from 'node:http'
import { ignoreOutage } from '../../base/fault.ts'
import { ApiProblem } from '../api-problem.ts'
import type { Caller, CallerAuthenticator } from '../caller-authenticator.ts'
import { claimedConsoleSession, readConsoleCookie, siteOf } from './console-cookie.ts'
import { requireConsolePage } from './console-page.ts'
import type { OperatorSession } from './console-session.ts'
import type { ConsoleSessions, FoundSession } from './console-sessions.ts'
import type { TokenRefresher } from './token-refresher.ts'

export interface ConsoleCallersDependencies {
  readonly bearers: Pick<CallerAuthenticator, 'identify' | 'identifyToken'>
  readonly sessions: Pick<ConsoleSessions, 'find' | 'end'>
  /** Refreshes expired tokens; `undefined` without a log-in at the issuer. */
  readonly refresher: Pick<TokenRefresher, 'current'> | undefined
  /** Setting `admin.login.origin`. */
  readonly origin: string | undefined
}

/** A caller with a session of the console. */
export interface ConsoleCaller {
  readonly caller: Caller
  readonly found: FoundSession
}

/**
 * Authenticates callers of the admin API by the field `Authorization`, or else by the cookie of a session of the
 * console. A call by cookie is a call with the token that the session holds: the token is verified as in a bearer call,
 * each time. So expiry, revocation, scopes and the rotation of the bootstrap token have one rule.
 */
export class ConsoleCallers {
  readonly #dependencies: ConsoleCallersDependencies

  constructor(dependencies: ConsoleCallersDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Identifies the caller of the admin API. A call with `Authorization` is decided by this field alone.
   *
   * @throws {ApiProblem} 401 without a valid credential; 403 for a call by cookie that no page of the console sent
   * @throws {GatewayFault} when the token can be neither accepted nor rejected, because its issuer is unavailable
   */
  async identify(request: IncomingMessage): Promise<Caller> {
    const { headers } = request
    if (headers.authorization !== undefined || claimedConsoleSession(headers) === undefined) {
      return this.#dependencies.bearers.identify(request)
    }
    return (await this.identifySession(request)).caller
  }

  /**
   * Identifies the caller by the cookie of a session of the console. A session whose token is rejected ends.
   *
   * @throws {ApiProblem} 401, 403
   * @throws {GatewayFault} as for {@link identify}
   */
  async identifySession(request: IncomingMessage): Promise<ConsoleCaller> {
    requireConsolePage(request)
    const found = request.headers.authorization === undefined ? await this.find(request) : undefined
    if (found === undefined) throw ended('no session of the console, or the session has ended; log in')
    const { sessions, refresher } = this.#dependencies
    const session = refresher === undefined ? found.session : await refresher.current(found)
    const caller = session === 'refused' ? undefined : await this.#verified(session)
    if (session === 'refused' || caller === undefined) {
      await ignoreOutage(sessions.end(found))
      throw ended('the session of the console has ended, because its token is no longer accepted; log in again')
    }
    return {
      caller: { ...caller, credential: `console session (${session.credential})` },
      found: { ...found, session },
    }
  }

  /** Verifies the token of a session. @returns `undefined` when the token is rejected, or names another person */
  async #verified({ token, who, credential }: OperatorSession): Promise<Caller | undefined> {
    try {
      const caller = await this.#dependencies.bearers.identifyToken(token)
      return caller.who === who && caller.credential === credential ? caller : undefined
    } catch (error) {
      if (error instanceof ApiProblem) return undefined
      throw error
    }
  }

  /** Returns the session that the cookie of a request names, without a check of its token. */
  async find({ headers }: IncomingMessage): Promise<FoundSession | undefined> {
    const { sessions, origin } = this.#dependencies
    const value = readConsoleCookie('session', headers, siteOf(headers, origin))
    return value === undefined ? undefined : sessions.find(value)
  }
}

function ended(detail: string): ApiProblem {
  return new ApiProblem('session_ended', detail)
}
