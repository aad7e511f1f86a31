import { Cluster, type ClusterOptions, type RedisOptions as DriverOptions, Redis } from 'ioredis'
import type { RedisPlace, RedisSettings } from '../base/redis-place.ts'
import { Supervisor } from '../base/supervisor.ts'
import { Breaker } from './breaker.ts'
import { RedisKeys } from './keys.ts'
import { LostConnections, type RedisLog } from './lost-connections.ts'
import { RedisClient } from './redis-client.ts'
import { redisFault } from './redis-fault.ts'
import { SteadySentinelConnector } from './sentinel-connector.ts'

/**
 * What a connection is for. `store`: calls that a request may wait for. `reader`: blocking reads, which have no deadline
 * but that of their own. `log`: the audit log, which no request waits for. `receipt`: slow calls in order (WAIT, WAITAOF) beside the write that they are about.
 * `subscriber`: channels.
 */
export type ClientKind = 'store' | 'reader' | 'log' | 'receipt' | 'subscriber'

/** What BullMQ takes as `connection`. */
export type QueueConnection = Redis | Cluster

type ConnectionKind = ClientKind | 'producer' | 'worker'

/** With texts and lists as they were before RESP3, whatever the protocol. */
type RedisOptions = Omit<DriverOptions, 'replyMapping'>

/** Longest wait for a reply, ms. */
const DEADLINE_MS = {
  store: 250,
  reader: undefined,
  log: 500,
  receipt: 3000,
  subscriber: 3000,
  producer: 3000,
  worker: undefined,
} as const
/** As after so many tries. */
const GIVEN_UP_TRIES = 3
const CONNECT_MS = 1000
/** Longer than the driver waits for a server to close its end. */
const DISCONNECT_MS = 2500

/** Every connection of this process to Redis: nobody else makes one. Connects in the background, and again for ever. */
export class RedisLink {
  readonly keys: RedisKeys
  /** For calls that a request may wait for. Without a connection they fail in the same tick. */
  readonly store: RedisClient
  readonly #settings: RedisSettings
  readonly #task = new Supervisor('redis-connection')
  readonly #lost: LostConnections
  readonly #clients: RedisClient[] = []

  constructor(settings: RedisSettings, log: RedisLog) {
    this.#settings = settings
    this.#lost = new LostConnections(log)
    this.keys = new RedisKeys(settings.prefix)
    this.store = this.client('store', 'store')
  }

  get place(): RedisPlace {
    return this.#settings.place
  }

  get topology(): RedisPlace['topology'] {
    return this.#settings.place.topology
  }

  /** @param name  shown by CLIENT LIST and in the log */
  client(kind: ClientKind, name: string): RedisClient {
    const driver = this.#connect(kind, name)
    const client = new RedisClient(driver, kind === 'store' ? new Breaker() : undefined)
    this.#keep(driver, name, client)
    return client
  }

  /**
   * A connection as BullMQ wants it. `producer`: adding a job fails at once while Redis is away. `worker`: waits for Redis
   * as long as it takes, and what it asked is asked again after a reconnection, which BullMQ's scripts bear.
   */
  queueConnection(kind: 'producer' | 'worker', name: string): QueueConnection {
    const driver = this.#connect(kind, name)
    const client = new RedisClient(driver, undefined)
    this.#keep(driver, name, client)
    return driver
  }

  async close(): Promise<void> {
    this.#lost.close()
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  #connect(kind: ConnectionKind, name: string): Redis | Cluster {
    const { place, username, password, tls } = this.#settings
    const common: RedisOptions = {
      ...optional({ username, password, commandTimeout: DEADLINE_MS[kind] }),
      connectionName: `gatehouse-${name}`,
      connectTimeout: CONNECT_MS,
      // What was sent and not answered may have run: it is for the caller to ask again.
      maxRetriesPerRequest: kind === 'worker' ? null : 0,
      // A request must not wait for a connection.
      enableOfflineQueue: kind === 'subscriber' || kind === 'worker',
      enableAutoPipelining: kind === 'store',
      retryStrategy: backOff,
      // The client does it, and bears that it fails.
      autoResubscribe: false,
      // A server that was demoted, or cut off from its replicas, keeps connections open and refuses writes.
      reconnectOnError: ({ message }) => /^(READONLY|NOREPLICAS|UNBLOCKED)/.test(message),
      ...(tls === undefined
        ? {}
        : { tls: optional({ ca: tls.ca, cert: tls.cert, key: tls.key, servername: tls.serverName }) }),
    }
    switch (place.topology) {
      case 'standalone':
        return new Redis({ ...common, ...place.server, db: place.database })
      case 'sentinel':
        return new Redis({
          ...common,
          ...optional({ sentinelUsername: place.username, sentinelPassword: place.password }),
          sentinels: [...place.sentinels],
          name: place.master,
          enableTLSForSentinelMode: tls !== undefined,
          ...(common.tls === undefined ? {} : { sentinelTLS: common.tls }),
          Connector: SteadySentinelConnector,
          sentinelRetryStrategy: backOff,
          sentinelCommandTimeout: CONNECT_MS,
          // Without it, connections stay with a master that was replaced, which takes writes and loses them.
          failoverDetector: true,
        })
      case 'cluster':
        return new Cluster([...place.hosts], clusterOptions(common, kind))
    }
  }

  #keep(driver: Redis | Cluster, name: string, client: RedisClient): void {
    this.#clients.push(client)
    this.#report(driver, name, client)
    this.#reconnect(driver, client)
  }

  /** One line when connections are lost and one when they are back, not one for each try. */
  #report(driver: Redis | Cluster, name: string, client: RedisClient): void {
    driver.on('error', (error: Error) => {
      if (client.closing) return
      // A server that does not speak TLS waits for more, and says nothing.
      const silent = error.message.includes('ETIMEDOUT') && this.#settings.tls !== undefined
      const hint = silent ? ' (does it speak TLS, as the settings say?)' : ''
      this.#lost.lose(client, name, `${redisFault(error).message}${hint}`)
    })
    driver.on('close', () => {
      if (!client.closing) this.#lost.lose(client, name, 'redis: closed the connection')
    })
    driver.on('ready', () => this.#lost.regain(client))
  }

  /** A node outlives what the driver gives up. */
  #reconnect(driver: Redis | Cluster, client: RedisClient): void {
    // A driver of a cluster that is redirected now takes that server into the pool that it empties, and would wait for ever
    // for it to end.
    driver.on('disconnecting', () => {
      this.#task.after(DISCONNECT_MS, () => {
        if (driver.status === 'disconnecting' && !client.closing) driver.disconnect(true)
      })
    })
    // It gives up for good when it fails before it has a socket.
    driver.on('end', () => {
      if (client.closing) return
      this.#task.after(backOff(GIVEN_UP_TRIES), () => {
        // That a connection fails is told by its `error` event.
        if (!client.closing) void driver.connect().catch(() => {})
      })
    })
  }
}

function clusterOptions(
  common: RedisOptions,
  kind: ConnectionKind,
): Omit<ClusterOptions, 'redisOptions'> & { redisOptions: RedisOptions } {
  const { retryStrategy: _, enableOfflineQueue = false, enableAutoPipelining = false, ...redisOptions } = common
  return {
    redisOptions,
    enableOfflineQueue,
    enableAutoPipelining,
    maxRedirections: 3,
    slotsRefreshTimeout: CONNECT_MS,
    clusterRetryStrategy: backOff,
    shardedSubscribers: kind === 'subscriber',
  }
}

/** 50 ms, doubled up to 2 s, each half to one and a half of it: nodes must not come back in step. */
function backOff(tries: number): number {
  return Math.min(50 * 2 ** Math.min(tries, 10), 2000) * (0.5 + Math.random())
}

/** Without the members that are `undefined`: to the driver those are values. */
function optional<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never
}
