import { createHash } from 'node:crypto'
import type { RedisPlace } from '../base/redis-place.ts'

/** Enough for the masters of a large Redis Cluster to share the log. Another number would be another log. */
const CLUSTER_SHARDS = 16

/** Streams that the audit log consists of. */
export function auditShards(topology: RedisPlace['topology']): number {
  return topology === 'cluster' ? CLUSTER_SHARDS : 1
}

/** The one that a node writes to: always the same, so that its batches stay in order. */
export function shardOf(node: string, shards: number): number {
  return createHash('sha256').update(node).digest().readUInt32BE() % shards
}
