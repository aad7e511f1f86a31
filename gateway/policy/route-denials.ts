import { denial } from '../base/denial.ts'
import { tokenReasons } from '../base/reasons.ts'
import { basicChallenge, bearerChallenge, dpopChallenge } from '../oauth/challenge.ts'
import type { RouteAccept, RouteDenials } from './snapshot.ts'

const invalidRequest = { challenge: bearerChallenge({ error: 'invalid_request' }) }
const invalidToken = { challenge: bearerChallenge({ error: 'invalid_token' }) }

/** Challenges of a route that accepts access tokens, including tokens that are bound to a key. */
const tokenChallenges = [bearerChallenge(), dpopChallenge()]

/** Denials of a client id and secret. The challenge has no `error`: RFC 7617 has no such parameter. */
const clientDenials: RouteDenials['client'] = Object.freeze({
  'client-refused': denial('client-refused', { challenge: basicChallenge }),
  'client-not-granted': denial('client-not-granted'),
})

/**
 * Denials of a route that accepts bearer tokens (RFC 6750 §3) and tokens that are bound to the key of DPoP proofs. If
 * the credential is missing, the challenge has no `error`, so that a new client learns only how to authenticate.
 */
const bearerDenials: RouteDenials = Object.freeze({
  credentialMissing: denial('credential-missing', { challenge: tokenChallenges }),
  credentialMalformed: denial('credential-malformed', invalidRequest),
  credentialRepeated: denial('credential-repeated', invalidRequest),
  addressDenied: denial('address-denied'),
  client: clientDenials,
  token: Object.freeze(
    Object.fromEntries(tokenReasons.map((reason) => [reason, denial(reason, invalidToken)])) as RouteDenials['token'],
  ),
})

/** Denials of a route whose service receives the token of the client. Such a route accepts no bound tokens. */
const passedDenials: RouteDenials = Object.freeze({
  ...bearerDenials,
  credentialMissing: denial('credential-missing', { challenge: bearerChallenge() }),
})

/** Denials of a route that accepts access tokens, and also a client id and secret. */
const bothDenials: RouteDenials = Object.freeze({
  ...bearerDenials,
  credentialMissing: denial('credential-missing', { challenge: [basicChallenge, ...tokenChallenges] }),
})
const bothPassedDenials: RouteDenials = Object.freeze({
  ...bearerDenials,
  credentialMissing: denial('credential-missing', { challenge: [basicChallenge, bearerChallenge()] }),
})
const basicDenials: RouteDenials = Object.freeze({
  ...bearerDenials,
  credentialMissing: denial('credential-missing', { challenge: basicChallenge }),
  credentialMalformed: denial('credential-malformed', { challenge: basicChallenge }),
  credentialRepeated: denial('credential-repeated', { challenge: basicChallenge }),
})

/**
 * Returns the denials of a route. Their challenges name the schemes that the route accepts (RFC 9110 §11.6.1).
 *
 * @param passesToken  whether the service receives the token of the client, so that bound tokens are refused
 */
export function routeDenials({ bearer, basic }: RouteAccept, passesToken: boolean): RouteDenials {
  if (basic === undefined) return passesToken ? passedDenials : bearerDenials
  if (!bearer) return basicDenials
  return passesToken ? bothPassedDenials : bothDenials
}
