import { connect as connectTcp, type NetConnectOpts, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { AbstractConnector } from 'ioredis'
import type { Followed } from '../base/followed.ts'
import { ConnectionAccess } from './connection-access.ts'
import type { RedisAccess, RedisCredentials } from './redis-access.ts'

/** Options of ioredis for a connection to one server. */
interface ServerOptions {
  readonly host?: string
  readonly port?: number
  readonly family?: number
  readonly path?: string
  readonly tls?: ConnectionOptions
  readonly disconnectTimeout: number
}

/** Dependencies of a connector for Redis connections. */
export interface ConnectorDependencies {
  readonly access: RedisAccess
  /** Called with each new connection to Redis. */
  readonly opened: (stream: Socket) => void
}

/** Returns the connector of ioredis for connections to one server, with the current credentials and certificates. */
export function serverConnector(
  { access, opened }: ConnectorDependencies,
  credentials: Followed<RedisCredentials> = access.servers,
) {
  return class ServerConnector extends AbstractConnector {
    readonly #options: ServerOptions
    readonly #access: ConnectionAccess

    constructor(options: unknown) {
      super((options as ServerOptions).disconnectTimeout)
      this.#options = options as ServerOptions
      this.#access = new ConnectionAccess(access, credentials, options)
    }

    override async connect(): Promise<Socket> {
      const { host, port, family, path, tls } = this.#options
      const place = path === undefined ? { host, port, family } : { path }
      const detectRefusal = this.#access.begin()
      this.connecting = true
      // Connect after one tick, like the connector of ioredis, because ioredis may disconnect in the same tick in which
      // it connects.
      await new Promise((resolve) => process.nextTick(resolve))
      if (!this.connecting) throw new Error('Connection is closed.')
      const stream =
        tls === undefined ? connectTcp(place as NetConnectOpts) : connectTls({ ...place, ...tls } as ConnectionOptions)
      stream.once('error', (error) => {
        this.firstError = error
      })
      detectRefusal(stream)
      opened(stream)
      this.stream = stream
      return stream
    }
  }
}
