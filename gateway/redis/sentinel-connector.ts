import { type SentinelConnectionOptions, SentinelConnector } from 'ioredis'

type Connect = SentinelConnector['connect']

/**
 * Sentinel connector that stops the failover detector of the previous connection before it connects again. In the
 * connector of ioredis, the old detector treats the switch to the new master as its own failover. It then breaks the
 * new connection while that connection is being opened, and the driver never reconnects.
 */
export class SteadySentinelConnector extends SentinelConnector {
  /** @param options  Sentinel options, which ioredis types as the options of any connector */
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions)
  }

  override connect(...given: Parameters<Connect>): ReturnType<Connect> {
    this['failoverDetector']?.cleanup()
    return super.connect(...given)
  }
}
