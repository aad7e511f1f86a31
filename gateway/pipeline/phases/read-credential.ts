import type { Placed, Presented } from '../exchange/exchange.ts'
import { waitingPhase } from '../exchange/phase.ts'
import { presentedToken } from '../identity/presented-token.ts'
import { presentSession } from '../identity/session-credential.ts'

/**
 * Reads the bearer token from the request head. Denies 401 when the token is missing, and 400 when it is malformed or
 * repeated. If the route requires a login session and the request has no `Authorization`, the session cookie is the
 * credential.
 */
export const readCredential = waitingPhase<Placed, Presented>()({
  name: 'read-credential',
  waits: 'for Redis, when this node does not have the session',
  denies: [
    'credential-missing',
    'credential-malformed',
    'credential-repeated',
    'session-missing',
    'session-ended',
    'cross-site',
  ],
  answers: ['login-required'],
  throws: ['store-unavailable'],
  run(x) {
    const { denials, requirement, logins } = x.route
    if (requirement === undefined) return undefined
    if (logins.length > 0 && x.head.authorization === undefined) return presentSession(x)
    const presented = presentedToken(x)
    if (presented === 'credential-missing') return denials.credentialMissing
    if (presented === 'credential-malformed') return denials.credentialMalformed
    if (presented === 'credential-repeated') return denials.credentialRepeated
    x.credential = presented.token
    return undefined
  },
})
