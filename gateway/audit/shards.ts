import { createHash } from 'node:crypto'
import type { RedisTopology } from '../base/redis-topology.ts'

/**
 * Number of audit streams in a Redis Cluster: enough to spread the log over the masters of a large cluster. A change of
 * this number starts a new, different log.
 */
const CLUSTER_SHARDS = 16

/** Number of Redis streams (shards) that form the audit log. */
export function auditShards(topology: RedisTopology['topology']): number {
  return topology === 'cluster' ? CLUSTER_SHARDS : 1
}

/**
 * Shard of the audit log that a node writes to. The shard of a node never changes, so that the node's batches stay in
 * order.
 */
export function shardOf(node: string, shards: number): number {
  return createHash('sha256').update(node).digest().readUInt32BE() % shards
}
