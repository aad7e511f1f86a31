import { GatewayFault } from '../base/fault.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'

/** The token was valid when the wait began: no refusal, which would blame the client for the time that others took. */
export function expiredWhileWaiting({ name }: IssuerRules): GatewayFault {
  return new GatewayFault('expired-while-waiting', 'issuer', `a token of issuer ${name} expired while it was verified`)
}
