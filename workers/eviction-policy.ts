import { setTimeout as sleep } from 'node:timers/promises'
import { RedisFault } from '../gateway/redis/redis-fault.ts'
import type { RedisLink } from '../gateway/redis/redis-link.ts'

const RETRY_MS = 250

/**
 * Reads the `maxmemory-policy` of Redis. Retries every 250 ms while Redis is unavailable.
 *
 * @returns `undefined` if `ended` returns true before Redis replies; `unknown` if INFO does not name the policy
 * @throws {RedisFault} if the ACL user is not allowed to call INFO
 */
export async function readEvictionPolicy(link: RedisLink, ended: () => boolean): Promise<string | undefined> {
  while (!ended()) {
    try {
      const info = String(await link.store.call('INFO', 'memory'))
      return /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'unknown'
    } catch (error) {
      // Do not retry: the ACL user has no permission for INFO.
      if (error instanceof RedisFault && error.redisCode === 'NOPERM') throw error
      await sleep(RETRY_MS)
    }
  }
  return undefined
}
