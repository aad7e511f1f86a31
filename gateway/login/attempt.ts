import { createHash } from 'node:crypto'
import type { StepUp } from '../base/denial.ts'

/**
 * Data of a login in progress. The gate sends it, encrypted, in the `state` parameter. Redis stores nothing about a
 * login before its `state` is redeemed.
 */
export interface LoginAttempt {
  /** Name in the policy of the issuer at which the user logs in. */
  readonly issuerName: string
  /**
   * {@link attemptHash} of the issuer identifier, because the policy can assign the name to another issuer while the
   * login is in progress.
   */
  readonly issuer: string
  /** Start of the login, ms since the epoch, by the clock of the node that started the login. */
  readonly begunAtMs: number
  /**
   * Time of the last cluster event that this node had applied when the login began, ms since the epoch by Redis's
   * clock.
   */
  readonly begunAfterMs: number
  /** Path and query to which the browser returns after the login. */
  readonly returnTo: string
  /** Value of the `nonce` parameter (OpenID Connect Core §3.1.2.1): 32 random bytes in base64url. */
  readonly nonce: string
  /** PKCE code verifier (RFC 7636 §4.1): 32 random bytes in base64url. */
  readonly codeVerifier: string
  readonly stepUp: StepUp
  /** {@link attemptHash} of the redirect URI of the login, which names the host and the issuer. */
  readonly redirectUri: string
  /** {@link attemptHash} of the login cookie: only a browser with this cookie can finish the login (RFC 9700 §4.7). */
  readonly browser: string
  /** Id of the session whose cookie the browser sent, 32 hexadecimal digits. The session may have ended. */
  readonly session: string | undefined
  /** Other host to which `login.host` hands over this login; absent for a login at the requested host. */
  readonly handOver?: HandOverTarget
}

/** Host at which a browser began a login that takes place at `login.host`. */
export interface HandOverTarget {
  /** Origin of the host at which the browser began the login. */
  readonly origin: string
  /** {@link attemptHash} of the login cookie that the browser has for this host. */
  readonly browser: string
  /** {@link attemptHash} of the request with which this host sent the browser to `login.host`. */
  readonly request: string
}

/** Maximum time between the start of a login and the issuer's response, ms. */
export const ATTEMPT_MS = 15 * 60_000

/**
 * First 128 bits of the SHA-256 hash, in base64url. A login attempt contains this hash in place of a value that is too
 * long or secret.
 */
export function attemptHash(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')
}
