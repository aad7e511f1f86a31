import { GatewayFault } from '../base/fault.ts'

/**
 * A first question that had no place in the queue of its issuer. Its address is charged as for a failed introspection:
 * else one address could send such questions without a bound, each of which costs several calls to Redis.
 */
export class ExcessQuestion extends GatewayFault {
  constructor(message: string) {
    super('introspection-unavailable', 'issuer', message)
  }
}
