import { sessionCookieOf } from '../../login/browser-request.ts'
import { readCookie } from '../../sessions/session-cookie.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { cookieField } from './cookie-field.ts'

/**
 * Returns the origin at which the browser presented its cookies; `''` for a host without a public URL. With `''`, a
 * session that belongs to one host is never found, although the gate uses the first public URL for the pages of such a
 * host.
 */
export function presentedOrigin({ gate, authority }: Exchange): string {
  return gate.publicUrls.find(authority) ?? ''
}

/** Returns the value of the session cookie of a request; `undefined` without this cookie. */
export function sessionCookieValue({ head, gate, authority }: Exchange): string | undefined {
  return readCookie(cookieField(head), sessionCookieOf(gate.publicUrls.forHost(authority)))
}
