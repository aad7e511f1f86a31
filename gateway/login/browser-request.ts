import type { IssuerRules } from '../oauth/token-facts.ts'
import { hostCookie, loopbackCookie, type SessionCookie } from '../sessions/session-cookie.ts'

/** A request to one of the reserved login and logout paths. */
export interface BrowserRequest {
  /** Path of the browser's request, one of the reserved login and logout paths. */
  readonly path: string
  /** Query string of the browser's request as received, without the `?`. */
  readonly query: string
  /** Value of the browser's `Cookie` header; `''` when the header is absent. */
  readonly cookies: string
  readonly addressText: string
  /** Identifies the client in the fair queue of calls to an issuer: key of the client's IPv4 address or IPv6 /64. */
  readonly subscriber: string
  /** Whether the client's address sent a valid token or session to this node in the last 10 minutes. */
  readonly known: boolean
  /**
   * Charges one call to an issuer to the limit of the client's address. Returns false, without a charge, when the limit
   * is reached.
   */
  readonly chargeAddress: () => boolean
  /** Takes back one charge that `chargeAddress` made to the limit of the client's address. */
  readonly refundAddress: () => void
  readonly userAgent: string
  /** Origin under which the browser reached the gate. */
  readonly publicUrl: string
  /** Whether a page of the gate's own origin caused the browser's request. */
  readonly sameOrigin: boolean
  /** Issuers of the policy at which users can log in. */
  readonly issuers: readonly IssuerRules[]
  /** Returns the origin of the gate with this host name; `undefined` if no public URL has the name. */
  readonly urlOf: (name: string) => string | undefined
  /** Whether a public URL of the gate has this origin. */
  readonly isListed: (origin: string) => boolean
  /** Whether the login at `login.host` of the issuer also serves the host with this name. */
  readonly sharesLogin: (rules: IssuerRules, name: string) => boolean
  /** Whether the policy has a route for `GET /` at the host of `publicUrl`. */
  readonly hasStartPage: () => boolean
}

/** Session cookie of an origin. Under https the cookie's name has the prefix `__Host-`. */
export function sessionCookieOf(publicUrl: string): SessionCookie {
  return publicUrl.startsWith('https:') ? hostCookie : loopbackCookie
}

/** Returns the value of a query or form parameter that occurs exactly once; otherwise `undefined`. */
export function soleParameter(parameters: URLSearchParams, name: string): string | undefined {
  const [value, ...more] = parameters.getAll(name)
  return more.length === 0 ? value : undefined
}
