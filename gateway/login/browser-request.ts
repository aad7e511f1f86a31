import type { IssuerRules } from '../oauth/token-facts.ts'
import { hostCookie, loopbackCookie, type SessionCookie } from '../sessions/session-cookie.ts'

/** A request to one of the reserved login and logout paths. */
export interface BrowserRequest {
  /** One of the reserved paths. */
  readonly path: string
  /** Query string as received, without the `?`. */
  readonly query: string
  /** The value of `Cookie`; `''` without one. */
  readonly cookies: string
  readonly addressText: string
  /** Key of the client's IPv4 address or IPv6 /64, for the fair queue of calls to an issuer. */
  readonly subscriber: string
  /** Whether the client's address sent a valid token or session in the last 10 minutes. */
  readonly known: boolean
  /** Charges the client's address for one call to an issuer. False, without a charge, when the limit is reached. */
  readonly chargeAddress: () => boolean
  /** Refunds one such charge. */
  readonly refundAddress: () => void
  readonly userAgent: string
  /** Origin under which the browser reached the gate. */
  readonly publicUrl: string
  /** Whether a page of this origin caused the request. */
  readonly sameOrigin: boolean
  /** The login issuers of the policy. */
  readonly issuers: readonly IssuerRules[]
}

/** The session cookie of an origin. Its name has the prefix `__Host-` under https. */
export function sessionCookieOf(publicUrl: string): SessionCookie {
  return publicUrl.startsWith('https:') ? hostCookie : loopbackCookie
}

/** The value of a parameter that occurs exactly once; otherwise `undefined`. */
export function soleParameter(parameters: URLSearchParams, name: string): string | undefined {
  const [value, ...more] = parameters.getAll(name)
  return more.length === 0 ? value : undefined
}
