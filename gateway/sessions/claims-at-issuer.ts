import type { LoginClients } from '../issuers/login-clients.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { AskClaims } from './claim-renewal.ts'

/**
 * Returns a function that asks the UserInfo endpoint of the issuer of a session for the claims about its user.
 *
 * @param issuers  issuers of the policy in force, by issuer identifier
 */
export function claimsAtIssuer(
  clients: Pick<LoginClients, 'of'>,
  issuers: () => ReadonlyMap<string, IssuerRules>,
): AskClaims {
  return async ({ issuer, subject, tokens: { accessToken } }) => {
    const rules = issuers().get(issuer)
    if (rules?.login === undefined) return { none: `the policy no longer has a login at issuer ${issuer}` }
    return clients.of(rules).userInfo(accessToken, subject)
  }
}
