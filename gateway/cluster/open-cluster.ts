import { hostname } from 'node:os'
import { hostPort } from '../base/host-port.ts'
import type { RedisSettings, RedisSource } from '../base/redis-topology.ts'
import { packageVersion } from '../base/version.ts'
import type { Settings } from '../config/settings.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import { RedisLink } from '../redis/redis-link.ts'
import { Cluster, type ClusterDependencies } from './cluster.ts'
import { EpochFile } from './epoch-file.ts'
import { MemberCount } from './member-count.ts'
import { RedisMemory } from './redis-memory.ts'

export interface ClusterRoomDependencies
  extends Pick<ClusterDependencies, 'revision' | 'activation' | 'emptySince' | 'log' | 'onFatal'> {
  readonly settings: Pick<Settings, 'node' | 'listen' | 'revocation'>
  readonly redis: RedisSettings
  /**
   * User names, secrets and certificates for new connections to Redis. Default: the values in `redis`, which then never
   * change.
   */
  readonly redisSource?: RedisSource
  /** Returns the largest `max_staleness` of all routes of the policy in force, ms. */
  readonly staleMs: () => number
}

/** Connections to the Redis that all nodes share, and the membership of this node in the cluster. */
export interface ClusterRoom {
  readonly link: RedisLink
  readonly cluster: Cluster
  /** Redis connection for calls about shared state that can be slow. */
  readonly client: RedisClient
  /** Number of nodes in the cluster, as last read from Redis. */
  readonly members: MemberCount
  readonly memory: RedisMemory
  /** Returns the ids of the nodes that are currently running. @throws {RedisFault} as a rejection */
  running(): Promise<ReadonlySet<string>>
  /** Leaves the cluster, then closes all connections to Redis. */
  close(): Promise<void>
}

/**
 * Connects to Redis in the background. The node joins the cluster after `cluster.start()`.
 *
 * @throws {Error} when the epoch file cannot be read
 */
export function openCluster({ settings, redis, redisSource, staleMs, ...rest }: ClusterRoomDependencies): ClusterRoom {
  const { node, listen } = settings
  const { epochFile, maxStalenessMs } = settings.revocation
  const link = new RedisLink(redis, rest.log, redisSource)
  const client = link.client('receipt', 'cluster')
  const cluster = new Cluster({
    link,
    client,
    node: { id: node.id, address: hostPort(listen.host ?? hostname(), listen.port), version: packageVersion },
    revision: rest.revision,
    activation: rest.activation,
    emptySince: rest.emptySince,
    boundMs: () => Math.max(maxStalenessMs, staleMs()),
    epochFile: epochFile === undefined ? undefined : new EpochFile(epochFile),
    log: rest.log,
    onFatal: rest.onFatal,
  })
  const members = new MemberCount(cluster)
  const memory = new RedisMemory(client)
  const close = async (): Promise<void> => {
    members.close()
    memory.close()
    await cluster.close()
    await link.close()
  }
  const running = async () => new Set((await cluster.list()).map(({ id }) => id))
  return { link, cluster, client, members, memory, running, close }
}
