import { createHash } from 'node:crypto'
import type { RedisTopology } from '../base/redis-topology.ts'

/**
 * Enough shards to spread the log over the masters of a large Redis Cluster. Changing this number starts a different
 * log.
 */
const CLUSTER_SHARDS = 16

/** Number of streams that form the audit log. */
export function auditShards(topology: RedisTopology['topology']): number {
  return topology === 'cluster' ? CLUSTER_SHARDS : 1
}

/** Shard that a node writes to. It never changes, so that the node's batches stay in order. */
export function shardOf(node: string, shards: number): number {
  return createHash('sha256').update(node).digest().readUInt32BE() % shards
}
