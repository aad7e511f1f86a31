import { type SentinelConnectionOptions, SentinelConnector } from 'ioredis'

type Connect = SentinelConnector['connect']

/**
 * As the driver's own, but it lets go of the failover detector of the connection before: that one would take the switch
 * to the new master for its own, and break off the very connection that is being made to it, after which the driver
 * never tries again.
 */
export class SteadySentinelConnector extends SentinelConnector {
  /** @param options  as the driver has them for any kind of connector */
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions)
  }

  override connect(...given: Parameters<Connect>): ReturnType<Connect> {
    this['failoverDetector']?.cleanup()
    return super.connect(...given)
  }
}
