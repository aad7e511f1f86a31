import { denial } from '../base/denial.ts'
import { tokenReasons } from '../base/reasons.ts'
import { bearerChallenge } from '../oauth/challenge.ts'
import type { RouteDenials } from './snapshot.ts'

const invalidRequest = { challenge: bearerChallenge({ error: 'invalid_request' }) }
const invalidToken = { challenge: bearerChallenge({ error: 'invalid_token' }) }

/**
 * Denials of a route that accepts bearer tokens (RFC 6750 §3). If the credential is missing, the challenge has no
 * `error`, so that a new client learns only how to authenticate.
 */
export const bearerDenials: RouteDenials = Object.freeze({
  credentialMissing: denial('credential-missing', { challenge: bearerChallenge() }),
  credentialMalformed: denial('credential-malformed', invalidRequest),
  credentialRepeated: denial('credential-repeated', invalidRequest),
  addressDenied: denial('address-denied'),
  token: Object.freeze(
    Object.fromEntries(tokenReasons.map((reason) => [reason, denial(reason, invalidToken)])) as RouteDenials['token'],
  ),
})
