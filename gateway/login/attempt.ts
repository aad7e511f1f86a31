import { createHash } from 'node:crypto'
import type { StepUp } from '../base/denial.ts'

/** A login that was begun. It travels encrypted in `state`; nothing of it is stored before it is redeemed. */
export interface LoginAttempt {
  /** Name of the issuer in the policy. */
  readonly issuerName: string
  /** {@link attemptHash} of the issuer identifier: the policy may give the name to another issuer meanwhile. */
  readonly issuer: string
  /** By the clock of the node that began it, ms since the epoch. */
  readonly begunAtMs: number
  /** Time of the last event of the cluster that this node had applied then, ms since the epoch by Redis's clock. */
  readonly begunAfterMs: number
  /** Path and query to which the browser returns. */
  readonly returnTo: string
  /** 32 random bytes in base64url. */
  readonly nonce: string
  /** PKCE (RFC 7636 §4.1): 32 random bytes in base64url. */
  readonly codeVerifier: string
  readonly stepUp: StepUp
  /** {@link attemptHash} of the redirect URI, which names the host and the issuer. */
  readonly redirectUri: string
  /** {@link attemptHash} of the login cookie: only the browser that has it may finish the login (RFC 9700 §4.7). */
  readonly browser: string
  /** Id of the session whose cookie the browser sent, 32 hexadecimal digits. The session may have ended. */
  readonly session: string | undefined
}

/** How long a person may take to log in, ms. */
export const ATTEMPT_MS = 15 * 60_000

/** The first 128 bits of SHA-256 in base64url: what an attempt holds of values that are too long or secret. */
export function attemptHash(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')
}
