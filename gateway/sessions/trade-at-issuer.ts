import { GatewayFault } from '../base/fault.ts'
import type { LoginClients } from '../issuers/login-clients.ts'
import { readJws } from '../oauth/jws.ts'
import { flawInPair } from '../oauth/same-person.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { TradeRefreshToken } from './refresher.ts'

/**
 * Returns a function that exchanges refresh tokens at the issuer that issued them.
 *
 * @param issuers  issuers of the policy in force, by issuer identifier
 */
export function tradeAtIssuer(
  clients: Pick<LoginClients, 'of'>,
  issuers: () => ReadonlyMap<string, IssuerRules>,
): TradeRefreshToken {
  return async ({ issuer, tokens: { refreshToken, idToken } }) => {
    const rules = issuers().get(issuer)
    if (rules?.login === undefined || refreshToken === undefined) {
      throw new GatewayFault('refresh-unavailable', 'node', `the policy no longer has a login at issuer ${issuer}`)
    }
    const granted = await clients.of(rules).refresh(refreshToken)
    if (typeof granted === 'string' || 'unusable' in granted) return granted
    const jws = readJws(granted.idToken ?? idToken ?? '')
    const flaw = typeof jws === 'string' ? undefined : flawInPair(granted.accessToken, jws.claims, rules)
    return flaw === undefined ? granted : { unusable: flaw }
  }
}
