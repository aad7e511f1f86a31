import type { Socket } from 'node:net'
import { Cluster, type ClusterOptions, type RedisOptions as DriverOptions, Redis } from 'ioredis'
import type { RedisSettings, RedisSource, RedisTopology } from '../base/redis-topology.ts'
import { Supervisor } from '../base/supervisor.ts'
import { Breaker } from './breaker.ts'
import { RedisKeys } from './keys.ts'
import { LostConnections, type RedisLog } from './lost-connections.ts'
import { RedisAccess } from './redis-access.ts'
import { RedisClient } from './redis-client.ts'
import { redisFault } from './redis-fault.ts'
import { sentinelConnector } from './sentinel-connector.ts'
import { serverConnector } from './server-connector.ts'
import { SilentConnections } from './silent-connections.ts'

/**
 * The use of a Redis connection. `store`: calls that an HTTP request may wait for. `reader`: blocking reads, which set
 * their own time limit. `log`: the audit log, for which no HTTP request waits. `receipt`: slow, ordered calls (WAIT,
 * WAITAOF) on the same connection as their write. `subscriber`: pub/sub channels.
 */
export type ClientKind = 'store' | 'reader' | 'log' | 'receipt' | 'subscriber'

/** Connection of the type that BullMQ accepts as `connection`. */
export type QueueConnection = Redis | Cluster

type ConnectionKind = ClientKind | 'producer' | 'worker'

/** ioredis options without `replyMapping`, so that replies have the RESP2 types with every protocol version. */
type RedisOptions = Omit<DriverOptions, 'replyMapping'>

/** Maximum time to wait for the reply to a call, by the use of the connection, ms. `undefined` means no limit. */
export const redisDeadlineMs = {
  store: 250,
  reader: undefined,
  log: 500,
  receipt: 3000,
  subscriber: 3000,
  producer: 3000,
  worker: undefined,
} as const
/**
 * Time without a reply of Redis after which a connection is replaced, by its use, ms. Longer than the longest blocking
 * call: 250 ms of `reader`, 3 s of `receipt`, 10 s of `worker`.
 */
const silenceMs: Readonly<Record<ConnectionKind, number>> = {
  store: 2000,
  reader: 2000,
  log: 2000,
  receipt: 4000,
  subscriber: 2000,
  producer: 2000,
  worker: 12_000,
}
/** Number of attempts from which the reconnection delay is computed after ioredis stopped reconnecting. */
const GIVEN_UP_TRIES = 3
const CONNECT_MS = 1000
/**
 * Time after which a disconnect that does not end is forced, ms. Longer than the driver waits for the server to close
 * its end.
 */
const DISCONNECT_MS = 2500

/**
 * Opens every connection of this process to Redis. Connects in the background and reconnects without a limit on the
 * number of attempts.
 */
export class RedisLink {
  readonly keys: RedisKeys
  /**
   * Connection for calls that an HTTP request may wait for. Without an established connection, a call fails in the same
   * tick.
   */
  readonly store: RedisClient
  readonly #settings: RedisSettings
  readonly #access: RedisAccess
  readonly #task = new Supervisor('redis-connection')
  readonly #silent = new SilentConnections(this.#task)
  readonly #lost: LostConnections
  /** Redis connections of this process. @bound code */
  readonly #clients: RedisClient[] = []

  /**
   * @param source  user names, secrets and certificates for new connections. Default: the values in `settings`, which
   *   never change
   */
  constructor(settings: RedisSettings, log: RedisLog, source: RedisSource = { current: () => settings, refresh() {} }) {
    this.#settings = settings
    this.#access = new RedisAccess(source)
    this.#lost = new LostConnections(log)
    this.keys = new RedisKeys(settings.prefix)
    this.store = this.client('store', 'store')
  }

  get place(): RedisTopology {
    return this.#settings.place
  }

  get topology(): RedisTopology['topology'] {
    return this.#settings.place.topology
  }

  /**
   * Opens a connection to Redis.
   *
   * @param name  shown in the log, and by CLIENT LIST with the prefix `gatehouse-`
   */
  client(kind: ClientKind, name: string): RedisClient {
    const driver = this.#connect(kind, name)
    const client = new RedisClient(driver, kind === 'store' ? new Breaker() : undefined)
    this.#keep(driver, name, client)
    return client
  }

  /**
   * Opens a connection for BullMQ. `producer`: adding a job fails immediately while Redis is unavailable. `worker`:
   * waits for Redis without a limit and repeats pending calls after a reconnection; the scripts of BullMQ tolerate
   * repeated calls.
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
    this.#silent.close()
  }

  #connect(kind: ConnectionKind, name: string): Redis | Cluster {
    const { place } = this.#settings
    const hasTls = this.#settings.tls !== undefined
    const opened = (stream: Socket): void => this.#silent.watch(stream, silenceMs[kind])
    // Use the connector that gives each connection the current user, password and certificates.
    const common: RedisOptions = {
      Connector: serverConnector({ access: this.#access, opened }),
      ...optional({ commandTimeout: redisDeadlineMs[kind] }),
      connectionName: `gatehouse-${name}`,
      connectTimeout: CONNECT_MS,
      // Do not let the driver repeat a command without a reply: the command may have run on the server, so only the
      // caller can decide.
      maxRetriesPerRequest: kind === 'worker' ? null : 0,
      // Do not queue calls while there is no connection, because an HTTP request must not wait for a connection.
      enableOfflineQueue: kind === 'subscriber' || kind === 'worker',
      enableAutoPipelining: kind === 'store',
      retryStrategy: backOff,
      // Do not let ioredis renew subscriptions: `RedisClient.subscribe` renews the subscription and handles a failure.
      autoResubscribe: false,
      // Reconnect after an error of a demoted master, or of a master without its replicas. Such a master keeps
      // connections open and refuses writes.
      reconnectOnError: ({ message }) => /^(READONLY|NOREPLICAS|UNBLOCKED)/.test(message),
    }
    switch (place.topology) {
      case 'standalone':
        return new Redis({ ...common, ...place.server, db: place.database })
      case 'sentinel':
        return new Redis({
          ...common,
          sentinels: [...place.sentinels],
          name: place.master,
          enableTLSForSentinelMode: hasTls,
          Connector: sentinelConnector({ access: this.#access, opened }),
          sentinelRetryStrategy: backOff,
          sentinelCommandTimeout: CONNECT_MS,
          // Turn on the failover detector: without it, connections stay with a replaced master, which accepts writes
          // that are lost later.
          failoverDetector: true,
        })
      case 'cluster':
        return new Cluster([...place.hosts], clusterOptions(common, kind))
    }
  }

  #keep(driver: Redis | Cluster, name: string, client: RedisClient): void {
    this.#clients.push(client)
    this.#silent.ping(driver)
    this.#report(driver, name, client)
    this.#reconnect(driver, client)
  }

  /** Logs one line when connections are lost and one line when they are restored, instead of one line per attempt. */
  #report(driver: Redis | Cluster, name: string, client: RedisClient): void {
    driver.on('error', (error: Error) => {
      if (client.closing) return
      // Add a hint about TLS after a timeout: a server without TLS takes the TLS handshake for an incomplete request:
      // it waits, sends nothing, and the connection times out.
      const silent = error.message.includes('ETIMEDOUT') && this.#settings.tls !== undefined
      const hint = silent ? ' (does the server use TLS, as the settings require?)' : ''
      this.#lost.lose(client, name, `${redisFault(error).message}${hint}`)
    })
    driver.on('close', () => {
      if (!client.closing) this.#lost.lose(client, name, 'redis: the server closed the connection')
    })
    driver.on('ready', () => this.#lost.regain(client))
  }

  /** Reconnects when ioredis hangs or stops reconnecting. */
  #reconnect(driver: Redis | Cluster, client: RedisClient): void {
    // Force the disconnect after a time: a cluster driver that receives a redirection while it disconnects adds the
    // named server to the pool that it is emptying. The driver would then wait forever for the new connection to close,
    // so force the disconnect.
    driver.on('disconnecting', () => {
      this.#task.after(DISCONNECT_MS, () => {
        if (driver.status === 'disconnecting' && !client.closing) driver.disconnect(true)
      })
    })
    // Reconnect here: the driver stops reconnecting when it fails before it has a socket.
    driver.on('end', () => {
      if (client.closing) return
      this.#task.after(backOff(GIVEN_UP_TRIES), () => {
        // Ignore the connection error here, because the handler of the event `error` reports a failed connection.
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

/**
 * Returns the reconnection delay, ms: 50 ms, doubled per attempt up to 2 s, times a random factor of 0.5 to 1.5. The
 * random factor keeps nodes from reconnecting at the same time.
 */
function backOff(tries: number): number {
  return Math.min(50 * 2 ** Math.min(tries, 10), 2000) * (0.5 + Math.random())
}

/** Removes options that are `undefined`, because ioredis treats an option with the value `undefined` as set. */
function optional<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never
}
