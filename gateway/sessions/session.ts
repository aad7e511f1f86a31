import type { RevocationMemo, SessionLifetime } from '../oauth/token-facts.ts'

/** Tokens that an issuer issued at login, or at the last refresh. */
export interface SessionTokens {
  readonly accessToken: string
  /** `undefined` when the issuer issued none: the session then ends with the access token. */
  readonly refreshToken: string | undefined
  /** Latest ID token; used only as a hint to the issuer at logout. */
  readonly idToken: string | undefined
  /** Expiry of the access token, s since the epoch; `undefined` when neither the issuer nor the token states it. */
  readonly accessExpiresAtS: number | undefined
  readonly scope: string | undefined
}

/** The browser as it presented itself at login. */
export interface Device {
  /**
   * Keyed hash of issuer, subject and `userAgent`, 32 hexadecimal digits. Equal for the same browser of the same
   * person.
   */
  readonly id: string
  readonly address: string
  readonly userAgent: string
}

/** Input for a new session after a login. */
export interface NewSession {
  /** The issuer identifier. */
  readonly issuer: string
  readonly subject: string
  /** `sid` of the ID token, by which the issuer may end the session (OpenID Connect Back-Channel Logout §2.1). */
  readonly providerSid: string | undefined
  readonly acr: string | undefined
  /** `auth_time` of the ID token, s since the epoch. */
  readonly authTimeS: number | undefined
  /** Claims of the ID token that routes may require; other claims are dropped. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly device: { readonly address: string; readonly userAgent: string }
  readonly lifetime: SessionLifetime
  readonly tokens: SessionTokens
  /**
   * Time of the last cluster event that the node had applied when the login began, ms since the epoch by Redis's clock.
   * Decides whether a login without `auth_time` began before a logout.
   */
  readonly begunAfterMs: number
}

/** An opened login session. Immutable: a refresh creates another object with the same `id` and a higher `version`. */
export interface Session extends Omit<NewSession, 'device' | 'begunAfterMs'> {
  /** Id in lists, logs and revocations, 32 hexadecimal digits. The cookie cannot be derived from it. */
  readonly id: string
  readonly device: Device
  readonly createdAtS: number
  /** Absolute end, independent of use, s since the epoch. */
  readonly endsAtS: number
  readonly version: number
  /** Memo for `ended`; all versions of the session share it. */
  readonly revocation: RevocationMemo
}

/**
 * Returns the latest end of a session, s since the epoch: the end set at login, or an earlier one by the policy in
 * force.
 *
 * @param absoluteMs  maximum lifetime by that policy, ms
 */
export function lastEndOf(
  { createdAtS, endsAtS }: Pick<Session, 'createdAtS' | 'endsAtS'>,
  absoluteMs: number,
): number {
  return Math.min(endsAtS, createdAtS + absoluteMs / 1000)
}

/** The session that an audit record names: a session of the gate, or one that an issuer named in a logout token. */
export interface NamedSession {
  /** Issuer identifier; `undefined` when the record of the session is lost. */
  readonly issuer: string | undefined
  /** `undefined` when the issuer named only the session, or the record of the session is lost. */
  readonly subject: string | undefined
  /** The gate's session id or the issuer's `sid`; `undefined`: all sessions of the person. */
  readonly id: string | undefined
}

/** A session and the cookie value that opens it. The value is not stored anywhere else. */
export interface OpenedSession {
  readonly cookie: string
  readonly session: Session
}

/** A session in a list, without secrets. Times in s since the epoch. */
export interface SessionListing {
  readonly id: string
  readonly issuer: string
  readonly subject: string
  readonly device: Device
  readonly createdAtS: number
  /** Time of the last use, with a resolution of a tenth of the idle lifetime. */
  readonly usedAtS: number
  readonly endsAtS: number
}

/**
 * Selects sessions that an issuer can log out: those of a person or of one `sid`. `issuer` is the issuer identifier.
 */
export type ProviderSelector =
  | { readonly subject: string; readonly issuer: string }
  | { readonly sid: string; readonly issuer: string }

/** Selects sessions: one session, or all of a browser, of a person at an issuer, or of a `sid`. */
export type SessionSelector = { readonly session: string } | { readonly device: string } | ProviderSelector
