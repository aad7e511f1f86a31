import type { IssuerRules } from '../oauth/token-facts.ts'
import { hostCookie, loopbackCookie, type SessionCookie } from '../sessions/session-cookie.ts'

/** A request to one of the login's own paths, as the pipeline has read it. */
export interface BrowserRequest {
  /** One of the reserved paths. */
  readonly path: string
  /** As it came, without the `?`. */
  readonly query: string
  /** The value of `Cookie`; `''` without one. */
  readonly cookies: string
  readonly addressText: string
  /** Name of the client's IPv4 address or IPv6 /64: whose turn a call to an issuer is. */
  readonly subscriber: string
  /** A valid token or session came from there in the last 10 minutes. */
  readonly known: boolean
  /** Charges the client's address for one call to an issuer; false: the address has none left, and pays nothing. */
  readonly chargeAddress: () => boolean
  /** Takes one such charge back. */
  readonly refundAddress: () => void
  readonly userAgent: string
  /** Origin under which the browser reached the gate. */
  readonly publicUrl: string
  /** A page of this very origin sent it. */
  readonly sameOrigin: boolean
  /** Those of the policy at which browsers log in. */
  readonly issuers: readonly IssuerRules[]
}

/** Of an origin: `__Host-` where browsers keep that. */
export function sessionCookieOf(publicUrl: string): SessionCookie {
  return publicUrl.startsWith('https:') ? hostCookie : loopbackCookie
}

/** The one value of a parameter; `undefined` where there is none, or more than one. */
export function soleParameter(parameters: URLSearchParams, name: string): string | undefined {
  const [value, ...more] = parameters.getAll(name)
  return more.length === 0 ? value : undefined
}
