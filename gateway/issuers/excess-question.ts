import { GatewayFault } from '../base/fault.ts'

/**
 * Fault for a first introspection of a token that was not sent because the issuer's queue was full. The client address
 * is charged as for a failed introspection. Otherwise one address could cause an unlimited number of such faults, and
 * each costs several Redis calls.
 */
export class ExcessQuestion extends GatewayFault {
  constructor(message: string) {
    super('introspection-unavailable', 'issuer', message)
  }
}
