import { ConfigError, nowhere, problem } from '../config/problem.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'

/**
 * Checks that `min-replicas-to-write` is set when Redis runs with Sentinel. Only this setting makes a replaced master
 * reject writes; without the setting, no revocation receipt is reliable. `INFO replication` reports the setting only if
 * it is set.
 *
 * @throws {ConfigError} when the Redis setting is missing; {@link GatewayFault} when Redis fails
 */
export async function requireMinReplicas(link: RedisLink, client: RedisClient): Promise<void> {
  if (link.topology !== 'sentinel') return
  const info = String(await client.call('INFO', 'replication'))
  if (/^min_(?:slaves|replicas)_good_(?:slaves|replicas):/m.test(info)) return
  throw new ConfigError([
    problem(
      'GH_CONFIG_VALUE',
      'the Redis master has no min-replicas-to-write: an isolated master would accept writes that a failover loses',
      ['redis', 'sentinel'],
      nowhere,
      'set min-replicas-to-write 1 and min-replicas-max-lag on every Redis server, and redis.min_replicas_max_lag in the settings',
    ),
  ])
}
