import { denial } from '../../base/denial.ts'
import type { Placed, Presented } from '../exchange/exchange.ts'
import { waitingPhase } from '../exchange/phase.ts'
import { presentClient } from '../identity/client-credential.ts'
import { presentedToken } from '../identity/presented-token.ts'
import { sessionCookieValue } from '../identity/session-cookie-value.ts'
import { presentSession } from '../identity/session-credential.ts'

const subprotocolMissing = denial('subprotocol-missing')

const certificateMissing = denial('certificate-missing')

/**
 * Reads the bearer token from the request head. Denies 401 when the token is missing, and 400 when it is malformed or
 * repeated. If the route requires a login session and the request has no `Authorization`, the session cookie is the
 * credential. Without a valid session, denies 401 or redirects a browser to the login. Denies 403 for an unsafe method
 * with a session unless a page of the same origin sent the request. On a route that accepts `basic`, the credential can
 * be a client id and secret. On a route with `websocket.token_in_protocol`, the
 * token can also be one of the WebSocket subprotocols, if the client offers another subprotocol too (else 400).
 *
 * On a route that names client certificates, a certificate is the credential of a request without a token and without a
 * session cookie. Denies 403 for a request without any of these, if the service accepts no tokens.
 */
export const readCredential = waitingPhase<Placed, Presented>()({
  name: 'read-credential',
  waits: 'for Redis, when this node does not have the session',
  denies: [
    'credential-missing',
    'credential-malformed',
    'credential-repeated',
    'subprotocol-missing',
    'certificate-missing',
    'session-missing',
    'session-ended',
    'origin-refused',
    'cross-site',
  ],
  answers: ['login-required'],
  throws: ['store-unavailable'],
  run(x) {
    const { accept, denials, requirement, logins, certificates, service } = x.route
    if (requirement === undefined) return undefined
    const { authorization } = x.head
    if (authorization === undefined && x.offeredTokens.length === 0) {
      if (certificates.length > 0 && presentsCertificate(x)) return undefined
      if (logins.length > 0) return presentSession(x)
      if (certificates.length > 0 && service.issuers.size === 0) return certificateMissing
    }
    const presented = presentedToken(x)
    if (presented === 'credential-missing') return denials.credentialMissing
    if (presented === 'credential-malformed') return denials.credentialMalformed
    if (presented === 'credential-repeated') return denials.credentialRepeated
    if (presented === 'subprotocol-missing') return subprotocolMissing
    x.scheme = presented.scheme
    if (presented.scheme === 'basic') return presentClient(x, presented.token)
    if (!accept.bearer) return denials.credentialMissing
    x.credential = presented.token
    return undefined
  },
})

/**
 * Prefer the session cookie to a certificate on a route with logins: a browser may present a certificate of its device
 * too.
 */
function presentsCertificate(x: Placed): boolean {
  if (x.clientCertificate === undefined) return false
  if (x.route.logins.length > 0 && sessionCookieValue(x) !== undefined) return false
  x.scheme = 'certificate'
  return true
}
