import type { RevocationMemo, SessionLifetime } from '../oauth/token-facts.ts'

/** What an issuer gave for a login, or for its last refresh. */
export interface SessionTokens {
  readonly accessToken: string
  /** `undefined`: the issuer gave none, and the session ends with the access token. */
  readonly refreshToken: string | undefined
  /** The last one; only a hint to the issuer at logout. */
  readonly idToken: string | undefined
  /** s since the epoch; `undefined`: neither the issuer said it nor the token. */
  readonly accessExpiresAtS: number | undefined
  readonly scope: string | undefined
}

/** The browser as it showed itself at login. */
export interface Device {
  /** Keyed hash of issuer, subject and `userAgent`: the same browser of the same person, 32 hexadecimal digits. */
  readonly id: string
  readonly address: string
  readonly userAgent: string
}

/** What a login makes a session of. */
export interface NewSession {
  /** The issuer identifier. */
  readonly issuer: string
  readonly subject: string
  /** `sid` of the ID token, by which the issuer may end the session (OpenID Connect Back-Channel Logout §2.1). */
  readonly providerSid: string | undefined
  readonly acr: string | undefined
  /** `auth_time` of the ID token. */
  readonly authTimeS: number | undefined
  /** Of the ID token: those that routes may ask for, not all that there are. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly device: { readonly address: string; readonly userAgent: string }
  readonly lifetime: SessionLifetime
  readonly tokens: SessionTokens
  /**
   * Time of the last event of the cluster that the node had applied when the login began, ms since the epoch by Redis's
   * clock. Tells whether a login without `auth_time` began before a logout.
   */
  readonly begunAfterMs: number
}

/** A login session, opened. Immutable: a refresh gives another object with the same `id` and a higher `version`. */
export interface Session extends Omit<NewSession, 'device' | 'begunAfterMs'> {
  /** What lists, logs and revocations name, 32 hexadecimal digits. The cookie cannot be made from it. */
  readonly id: string
  readonly device: Device
  readonly createdAtS: number
  /** Whatever it is used for, it ends then; s since the epoch. */
  readonly endsAtS: number
  readonly version: number
  /** Of `ended`; all versions share it. */
  readonly revocation: RevocationMemo
}

/**
 * When it is over at the latest, s since the epoch: as it began, or earlier by the policy in force.
 *
 * @param absoluteMs  of that policy
 */
export function lastEndOf(
  { createdAtS, endsAtS }: Pick<Session, 'createdAtS' | 'endsAtS'>,
  absoluteMs: number,
): number {
  return Math.min(endsAtS, createdAtS + absoluteMs / 1000)
}

/** The session that an audit record names: one of the gate, or one that an issuer named in a logout token. */
export interface NamedSession {
  /** Identifier; `undefined`: the record of the session is lost. */
  readonly issuer: string | undefined
  /** `undefined`: the issuer named only the session, or the record of the session is lost. */
  readonly subject: string | undefined
  /** The gate's own, or the `sid` of the issuer; `undefined`: all of the person. */
  readonly id: string | undefined
}

/** A session and the cookie value that opens it, which exists nowhere else. */
export interface OpenedSession {
  readonly cookie: string
  readonly session: Session
}

/** A session in a list: nothing that opens anything. Times in s since the epoch. */
export interface SessionListing {
  readonly id: string
  readonly issuer: string
  readonly subject: string
  readonly device: Device
  readonly createdAtS: number
  /** Coarse: use is noted in steps of a tenth of the idle lifetime. */
  readonly usedAtS: number
  readonly endsAtS: number
}

/** What an issuer can log out: a person, or one `sid`. `issuer` is its identifier. */
export type ProviderSelector =
  | { readonly subject: string; readonly issuer: string }
  | { readonly sid: string; readonly issuer: string }

/** Which sessions: one, all of a browser, all of a person at an issuer, or all of a `sid`. */
export type SessionSelector = { readonly session: string } | { readonly device: string } | ProviderSelector
