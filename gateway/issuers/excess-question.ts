import { type FaultReason, GatewayFault } from '../base/fault.ts'

/**
 * Fault for a call to an issuer that an unauthenticated client caused, and that was not sent because the issuer's queue
 * was full. The client address is charged as for a failed introspection. Otherwise one address could cause an unlimited
 * number of such faults, and each costs several Redis calls.
 */
export class ExcessQuestion extends GatewayFault {
  constructor(reason: Extract<FaultReason, 'introspection-unavailable' | 'issuer-unreachable'>, message: string) {
    super(reason, 'issuer', message)
  }
}
