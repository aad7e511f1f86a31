import { ConfigError, nowhere, problem } from '../config/problem.ts'
import type { RedisClient } from '../redis/redis-client.ts'

/**
 * Checks that Redis cannot evict keys. A node that joins later does not learn a revocation that Redis evicted. Redis
 * evicts keys only with a memory limit and an eviction policy; some hosted Redis services set both.
 *
 * @throws {ConfigError} when Redis can evict keys; {@link GatewayFault} when Redis fails
 */
export async function requireNoEviction(client: RedisClient): Promise<void> {
  const info = String(await client.call('INFO', 'memory'))
  const [, policy = 'noeviction'] = /^maxmemory_policy:(\S+)/m.exec(info) ?? []
  if (policy === 'noeviction' || /^maxmemory:0\s*$/m.test(info)) return
  throw new ConfigError([
    problem(
      'GH_CONFIG_VALUE',
      `Redis can evict revocations (maxmemory-policy ${policy}), so that revoked tokens would be admitted again`,
      ['redis'],
      nowhere,
      'set maxmemory-policy noeviction on every Redis server',
    ),
  ])
}
