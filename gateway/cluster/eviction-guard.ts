import { ConfigError, nowhere, problem } from '../config/problem.ts'
import type { RedisClient } from '../redis/redis-client.ts'

/**
 * A revocation that Redis evicts is one that nodes which join later do not know. Redis evicts only where it has a limit
 * of memory and a policy that says so; some hosts of Redis set both.
 *
 * @throws {ConfigError} when it may evict; {@link GatewayFault} when Redis fails
 */
export async function evictionGuard(client: RedisClient): Promise<void> {
  const info = String(await client.call('INFO', 'memory'))
  const [, policy = 'noeviction'] = /^maxmemory_policy:(\S+)/m.exec(info) ?? []
  if (policy === 'noeviction' || /^maxmemory:0\s*$/m.test(info)) return
  throw new ConfigError([
    problem(
      'GH_CONFIG_VALUE',
      `the server evicts by maxmemory-policy ${policy}: what was revoked would be admitted again`,
      ['redis'],
      nowhere,
      'set maxmemory-policy noeviction at every server',
    ),
  ])
}
