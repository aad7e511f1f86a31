import { GatewayFault } from '../base/fault.ts'
import type { LoginClients } from '../issuers/login-clients.ts'
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
  return async ({ issuer, tokens: { refreshToken } }) => {
    const rules = issuers().get(issuer)
    if (rules?.login === undefined || refreshToken === undefined) {
      throw new GatewayFault('refresh-unavailable', 'node', `the policy no longer has a login at issuer ${issuer}`)
    }
    return clients.of(rules).refresh(refreshToken)
  }
}
