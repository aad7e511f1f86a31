/** Host and port of a Redis server or sentinel. */
export interface RedisHost {
  readonly host: string
  readonly port: number
}

/** Location of Redis: one server, the master that Redis Sentinel names, or a Redis Cluster. */
export type RedisTopology =
  | {
      readonly topology: 'standalone'
      readonly server: RedisHost | { readonly path: string }
      readonly database: number
    }
  | {
      readonly topology: 'sentinel'
      readonly sentinels: readonly RedisHost[]
      readonly master: string
      readonly username: string | undefined
      readonly password: string | undefined
      /** Redis Sentinel: longest time that a master without connection to its replicas still accepts writes, ms. */
      readonly minReplicasMaxLagMs: number
    }
  | {
      readonly topology: 'cluster'
      readonly hosts: readonly RedisHost[]
      /**
       * Redis Cluster: time after which a master that cannot reach the other Redis nodes stops accepting writes, ms.
       */
      readonly nodeTimeoutMs: number
    }

/** TLS files of the Redis connection, as PEM texts. */
export interface RedisTls {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly serverName: string | undefined
}

/** Reads the settings of Redis again at each new connection. */
export interface RedisSource {
  /** Returns the Redis settings with the user names, secrets and certificates of this moment. */
  current(): RedisSettings
  /** Reads the files of Redis secrets and certificates again, at most once a second. */
  refresh(): void
}

export interface RedisSettings {
  readonly place: RedisTopology
  /** TLS files of the Redis connection; `undefined` for plain TCP or a Unix socket. */
  readonly tls: RedisTls | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  /** Prefix of every Redis key and channel name. */
  readonly prefix: string
}
