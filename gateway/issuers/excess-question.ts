import { type FaultReason, GatewayFault } from '../base/fault.ts'

/**
 * Fault of a call to an issuer that was not sent because the queue for the issuer was full. An unauthenticated client
 * caused the call, so its address is charged as for a failed introspection. Otherwise one address could cause any
 * number of these faults, and each fault costs several Redis calls.
 */
export class ExcessQuestion extends GatewayFault {
  constructor(reason: Extract<FaultReason, 'introspection-unavailable' | 'issuer-unreachable'>, message: string) {
    super(reason, 'issuer', message)
  }
}
