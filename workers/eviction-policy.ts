import { setTimeout as sleep } from 'node:timers/promises'
import { RedisFault } from '../gateway/redis/redis-fault.ts'
import type { RedisLink } from '../gateway/redis/redis-link.ts'

const RETRY_MS = 250

/**
 * What Redis does when its memory is full, as `maxmemory-policy` says it; waits for Redis to be there.
 *
 * @returns `undefined` when `ended` before
 */
export async function readEvictionPolicy(link: RedisLink, ended: () => boolean): Promise<string | undefined> {
  while (!ended()) {
    try {
      const info = String(await link.store.call('INFO', 'memory'))
      return /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'unknown'
    } catch (error) {
      // Whoever may not ask is not told, however long it waits.
      if (error instanceof RedisFault && error.redisCode === 'NOPERM') throw error
      await sleep(RETRY_MS)
    }
  }
  return undefined
}
