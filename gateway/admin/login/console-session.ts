/** Kind of the token that a session of the console holds. */
export type ConsoleToken = 'bootstrap token' | 'access token'

/**
 * Session of the console of the admin plane. It holds the token that the operator logged in with. Each call with the
 * session's cookie is a call with this token, which the admin API verifies again. The browser never gets the token.
 */
export interface OperatorSession {
  readonly token: string
  readonly credential: ConsoleToken
  /** Subject and client of the token at the log-in, for lists and log lines. */
  readonly who: string
  readonly client: string | undefined
  /** Refresh token of a log-in at the issuer; `undefined` when the session was opened with a token. */
  readonly refreshToken: string | undefined
  /** Expiry of `token`, ms since the epoch; `undefined` for the bootstrap token. */
  readonly tokenEndsAtMs: number | undefined
  /** Time at which the session ends even if it is in use, ms since the epoch. */
  readonly endsAtMs: number
}

/** Maximum lifetime of a session of the console, ms: 8 hours. */
export const CONSOLE_ABSOLUTE_MS = 8 * 3_600_000
/** Time without a call after which a session of the console ends, ms: 30 minutes. */
export const CONSOLE_IDLE_MS = 30 * 60_000
/** Time after which the lock for the refresh of a session of the console expires, if its holder died, ms. */
export const CONSOLE_REFRESH_MS = 60_000
/** Maximum number of sessions of the console. */
export const CONSOLE_SESSIONS_MAX = 1000
/** Maximum number of sessions of the console of one person. */
export const CONSOLE_SESSIONS_OF_PERSON_MAX = 10

/** Identifies the person of a session: subjects of the issuer and the bootstrap token never have the same key. */
export function personOf({ credential, who }: Pick<OperatorSession, 'credential' | 'who'>): string {
  return `${credential} ${who}`
}
