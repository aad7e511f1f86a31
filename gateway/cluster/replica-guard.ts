import { ConfigError, nowhere, problem } from '../config/problem.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'

/**
 * With Sentinel, a master that was replaced must stop taking writes: only `min-replicas-to-write` makes it, and without
 * it nothing that a receipt says would hold. `INFO replication` has a line about it only where it is set.
 *
 * @throws {ConfigError} when it is not set; {@link GatewayFault} when Redis fails
 */
export async function replicaGuard(link: RedisLink, client: RedisClient): Promise<void> {
  if (link.topology !== 'sentinel') return
  const info = String(await client.call('INFO', 'replication'))
  if (/^min_(?:slaves|replicas)_good_(?:slaves|replicas):/m.test(info)) return
  throw new ConfigError([
    problem(
      'GH_CONFIG_VALUE',
      'the master has no min-replicas-to-write: cut off, it would go on taking writes that are lost',
      ['redis', 'sentinel'],
      nowhere,
      'set min-replicas-to-write 1 and min-replicas-max-lag at every server, and redis.min_replicas_max_lag here',
    ),
  ])
}
