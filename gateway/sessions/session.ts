import type { RevocationMemo, SessionLifetime } from '../oauth/token-facts.ts'

/** Tokens that an issuer issued at the login, or at the last refresh, of a session. */
export interface SessionTokens {
  readonly accessToken: string
  /**
   * The refresh token; `undefined` when the issuer issued none: the session then ends when the access token expires.
   */
  readonly refreshToken: string | undefined
  /** Latest ID token; used only as a hint to the issuer at logout. */
  readonly idToken: string | undefined
  /**
   * Time at which the access token expires, s since the Unix epoch; `undefined` when neither the issuer nor the token
   * states it.
   */
  readonly accessExpiresAtS: number | undefined
  /** Time at which the refresh token expires, s since the Unix epoch; `undefined` when the issuer does not state it. */
  readonly refreshExpiresAtS?: number | undefined
  readonly scope: string | undefined
}

/** The browser that uses a session, as its login request describes it. */
export interface Device {
  /**
   * Keyed hash of issuer, subject and `userAgent`, 32 hexadecimal digits. Equal for all browsers of one person that
   * send the same User-Agent.
   */
  readonly id: string
  readonly address: string
  readonly userAgent: string
}

/** Input for a new session after a login. */
export interface NewSession {
  /** Identifier (`iss`) of the issuer at which the user logged in. */
  readonly issuer: string
  readonly subject: string
  /** `sid` of the ID token, by which the issuer can end the session (OpenID Connect Back-Channel Logout §2.1). */
  readonly providerSid: string | undefined
  readonly acr: string | undefined
  /** `auth_time` of the ID token, s since the Unix epoch. */
  readonly authTimeS: number | undefined
  /**
   * Claims about the user, of the latest ID token or UserInfo response, that routes can require. Protocol claims such as
   * `exp`, and claims for which a session has another member, are omitted.
   */
  readonly claims: Readonly<Record<string, unknown>>
  /** Time at which the issuer stated `claims`, s since the Unix epoch; `undefined` means at the login. */
  readonly claimsAtS?: number
  /** Time of the last UserInfo request to which the issuer gave no claims, s since the Unix epoch. */
  readonly claimsRefusedAtS?: number
  /** Time at which the issuer issued the access token, s since the Unix epoch; `undefined` means at the login. */
  readonly tokensAtS?: number
  readonly device: { readonly address: string; readonly userAgent: string }
  readonly lifetime: SessionLifetime
  readonly tokens: SessionTokens
  /**
   * Time of the last cluster event that the node had applied when the login began, ms since the Unix epoch by Redis's
   * clock. Decides whether a login without `auth_time` began before a logout.
   */
  readonly begunAfterMs: number
  /**
   * Origin of the host at which the user logged in, for an issuer with `login.host`: the first cookie of the session is
   * valid at this host only. `undefined`: the cookie is valid at every host of the gate.
   */
  readonly origin?: string | undefined
}

/** A decrypted login session. Immutable: a refresh creates another object with the same `id` and a higher `version`. */
export interface Session extends Omit<NewSession, 'device' | 'begunAfterMs'> {
  /** Session id in lists, logs and revocations, 32 hexadecimal digits. The cookie cannot be derived from the id. */
  readonly id: string
  readonly device: Device
  readonly createdAtS: number
  /** Time at which the session ends even if it is in use, s since the Unix epoch. */
  readonly endsAtS: number
  readonly version: number
  /** Stored result of the revocation check; all versions of the session share this object. */
  readonly revocation: RevocationMemo
}

/**
 * Returns the latest possible end of a session, s since the Unix epoch: the end set at the login, or an earlier end if
 * the policy in force has a shorter maximum lifetime.
 *
 * @param absoluteMs  maximum lifetime of sessions by the policy in force, ms
 */
export function lastEndOf(
  { createdAtS, endsAtS }: Pick<Session, 'createdAtS' | 'endsAtS'>,
  absoluteMs: number,
): number {
  return Math.min(endsAtS, createdAtS + absoluteMs / 1000)
}

/**
 * Returns the end of a session that users are shown, s since the Unix epoch: the latest possible end of the session.
 * For a session without a refresh token, the expiry of the access token if that is earlier.
 */
export function endOf(session: Pick<Session, 'createdAtS' | 'endsAtS' | 'tokens'>, absoluteMs: number): number {
  const { refreshToken, accessExpiresAtS } = session.tokens
  const lastS = lastEndOf(session, absoluteMs)
  return refreshToken === undefined && accessExpiresAtS !== undefined ? Math.min(lastS, accessExpiresAtS) : lastS
}

/**
 * The session that an audit record names: a session of the gate, or a session that an issuer named in a logout token.
 */
export interface NamedSession {
  /** Issuer identifier; `undefined` when Redis has lost the record of the session. */
  readonly issuer: string | undefined
  /** Subject of the session; `undefined` when the issuer named only the session, or Redis has lost its record. */
  readonly subject: string | undefined
  /** The gate's session id or the issuer's `sid`; `undefined` for all sessions of the person. */
  readonly id: string | undefined
}

/** A session and its cookie value. Redis does not store the cookie value. */
export interface OpenedSession {
  readonly cookie: string
  readonly session: Session
}

/** A session in a list, without secrets. Times are in s since the Unix epoch. */
export interface SessionListing {
  readonly id: string
  readonly issuer: string
  readonly subject: string
  readonly device: Device
  /** Origins of the hosts that use the session; `undefined`: the session is valid at every host of the gate. */
  readonly origins: readonly string[] | undefined
  readonly createdAtS: number
  /** Time of the session's last use, with a resolution of a tenth of the idle lifetime. */
  readonly usedAtS: number
  readonly endsAtS: number
}

/**
 * Selects sessions that an issuer can log out: all sessions of a person, or all sessions of one `sid`. `issuer` is the
 * issuer identifier.
 */
export type ProviderSelector =
  | { readonly subject: string; readonly issuer: string }
  | { readonly sid: string; readonly issuer: string }

/**
 * Selects sessions: one session, or all sessions of a device, of a person at an issuer, or of a `sid`. A device is one
 * person's browsers with the same User-Agent.
 */
export type SessionSelector = { readonly session: string } | { readonly device: string } | ProviderSelector
