import { type Denial, denial } from '../../base/denial.ts'
import type { Reason } from '../../base/reasons.ts'
import { loginUrl } from '../../login/login-paths.ts'
import { redirection } from '../../login/login-reply.ts'
import { sessionTag } from '../../login/session-tag.ts'
import { type Answer, ownAnswer } from '../exchange/answer.ts'
import type { Matched } from '../exchange/exchange.ts'
import { reachesBrowser } from '../forward-auth/check-style.ts'
import { presentedOrigin, sessionCookieValue } from '../identity/session-cookie-value.ts'
import { isNavigation } from './navigation.ts'

/**
 * A session that ended within this time after its start, s, does not redirect the browser to a new login. The new
 * session would end too, and the browser would be redirected in a loop.
 */
const YOUNG_S = 5

/**
 * Turns a denial that a login can resolve into a reply that the client understands. A browser that opens a page is
 * redirected to the login and returns to that page afterwards. Every other client receives the denial with the URL of
 * the login.
 */
export function requireLogin<R extends Reason>(x: Matched, denied: Denial<R>): Denial<R> | Answer<'login-required'> {
  const { logins } = x.route
  if (logins.length === 0) return denied
  const publicUrl = x.gate.publicUrls.forHost(x.authority)
  const issuers = logins.map(({ name }) => name)
  // Do not redirect a client that sent a bearer token: it is a program, not a browser that opens a page.
  const byToken = x.session === undefined && x.credential !== ''
  if (!byToken && x.method === 'GET' && isNavigation(x.head) && reachesBrowser(x) && !wouldLoop(x, denied)) {
    const returnTo = x.query === undefined ? x.path : `${x.path}?${x.query}`
    const wish = { returnTo, issuers, ...denied.stepUp, refused: sessionTagOf(x) }
    return ownAnswer(redirection('login-required', loginUrl(publicUrl, wish)))
  }
  const login = loginUrl(publicUrl, { issuers, ...denied.stepUp })
  const { reason, challenges, stepUp } = denied
  const [challenge = 'Bearer', ...others] = challenges
  const separator = challenge.includes(' ') ? ', ' : ' '
  return denial(reason, {
    challenge: [`${challenge}${separator}login_uri="${login}"`, ...others],
    members: { login },
    ...(stepUp && { stepUp }),
  })
}

/**
 * Returns the tag of the refused session, for the login URL. If another tab of the browser has logged in meanwhile, the
 * session cookie has another tag. The login path then redirects the browser to the page without a visit to the issuer.
 */
function sessionTagOf(x: Matched): string {
  const value = sessionCookieValue(x)
  return sessionTag(value === undefined ? undefined : x.gate.sessions?.idOf(value, presentedOrigin(x)))
}

function wouldLoop({ session, nowMs }: Matched, { reason }: Denial): boolean {
  return reason === 'session-ended' && session !== undefined && nowMs / 1000 - session.createdAtS < YOUNG_S
}
