/** Host and port of a server. */
export interface RedisHost {
  readonly host: string
  readonly port: number
}

/** Where Redis is: one server, the master that sentinels name, or a cluster. */
export type RedisPlace =
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
      /** Longest time for which a master that was cut off from its replicas goes on taking writes, ms. */
      readonly minReplicasMaxLagMs: number
    }
  | {
      readonly topology: 'cluster'
      readonly hosts: readonly RedisHost[]
      /** After that time a master that was cut off from the others stops, ms. */
      readonly nodeTimeoutMs: number
    }

/** PEM texts. */
export interface RedisTls {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly serverName: string | undefined
}

export interface RedisSettings {
  readonly place: RedisPlace
  /** `undefined`: plain TCP, or a Unix socket. */
  readonly tls: RedisTls | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  /** Before the name of every key and channel. */
  readonly prefix: string
}
