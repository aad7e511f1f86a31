import type { StepUp } from '../base/denial.ts'

/** A login that was begun, as it is kept until the browser comes back. */
export interface LoginAttempt {
  /** The issuer identifier: the policy may give its name to another one meanwhile. */
  readonly issuer: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly stepUp: StepUp
  /** Where the browser wanted to go: path and query. */
  readonly returnTo: string
  /** The URL that it comes back to. */
  readonly redirectUri: string
  /** Hash of the cookie that the browser was given or had: no other one may finish the login (RFC 9700 §4.7). */
  readonly browser: string
  /** Id of the session that the browser had then. */
  readonly session: string | undefined
}

/** So long a person has for logging in. */
export const ATTEMPT_MS = 15 * 60_000
