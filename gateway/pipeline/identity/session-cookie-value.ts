import { sessionCookieOf } from '../../login/browser-request.ts'
import { readCookie } from '../../sessions/session-cookie.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { cookieField } from './cookie-field.ts'

/** Value of the session cookie of a request; `undefined` without this cookie. */
export function sessionCookieValue({ head, gate, authority }: Exchange): string | undefined {
  return readCookie(cookieField(head), sessionCookieOf(gate.publicUrls.forHost(authority)))
}
