import { GatewayFault } from '../base/fault.ts'

/**
 * Fault for a first question that had no place in its issuer's queue. The client address is charged as for a failed
 * introspection. Otherwise one address could send an unlimited number of such questions, and each costs several Redis
 * calls.
 */
export class ExcessQuestion extends GatewayFault {
  constructor(message: string) {
    super('introspection-unavailable', 'issuer', message)
  }
}
