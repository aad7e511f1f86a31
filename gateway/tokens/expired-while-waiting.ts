import { GatewayFault } from '../base/fault.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'

/**
 * Returns the fault for a token that was valid when the gate began to wait, and expired during the wait. A fault (503)
 * is used instead of a denial (401), because a denial would blame the client for the delay.
 */
export function expiredWhileWaitingFault({ name }: IssuerRules): GatewayFault {
  return new GatewayFault('expired-while-waiting', 'issuer', `a token of issuer ${name} expired while it was verified`)
}
