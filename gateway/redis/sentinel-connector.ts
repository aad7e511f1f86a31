import { type SentinelConnectionOptions, SentinelConnector } from 'ioredis'
import { ConnectionAccess } from './connection-access.ts'
import { type ConnectorDependencies, serverConnector } from './server-connector.ts'

type Connect = SentinelConnector['connect']

/**
 * Returns the connector of ioredis for the master that sentinels name, with the current credentials and certificates.
 * The connector stops the failover detector of a connection when that connection ends, and before it connects again. In
 * the connector of ioredis, the old detector treats the switch to the new master as its own failover. It then breaks the
 * new connection while that connection is being opened, and the driver never reconnects. After QUIT, ioredis leaves the
 * detector running: its connections to the sentinels would stay open until the process ends.
 */
export function sentinelConnector({ access, opened }: ConnectorDependencies) {
  return class SteadySentinelConnector extends SentinelConnector {
    readonly #access: ConnectionAccess

    /** @param options  Sentinel options. ioredis types them as the options of any connector */
    constructor(options: unknown) {
      super(options as SentinelConnectionOptions)
      this.#access = new ConnectionAccess(access, access.servers, options)
      const open = this['connectToSentinel'].bind(this) as (endpoint: unknown, options?: object) => unknown
      const Connector = serverConnector({ access, opened }, access.sentinels)
      this['connectToSentinel'] = (endpoint: unknown, options?: object) => open(endpoint, { ...options, Connector })
    }

    override async connect(...given: Parameters<Connect>): ReturnType<Connect> {
      this['failoverDetector']?.cleanup()
      const detectRefusal = this.#access.begin()
      const stream = await super.connect(...given)
      detectRefusal(stream)
      opened(stream)
      stream.once('close', () => this['failoverDetector']?.cleanup())
      return stream
    }
  }
}
