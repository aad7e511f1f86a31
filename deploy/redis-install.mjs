import { unpackDebian } from './debian.mjs'
import { privateRedis, unpackedRedis } from './redis.mjs'

/**
 * Unpacks the Redis of the distribution into the cache folder.
 *
 * @param {import('./debian.mjs').PackageLists} lists
 * @throws {Error} when apt fails, or its newest Redis is too old; the message names the command
 */
export async function installRedis(lists) {
  if (await unpackDebian(privateRedis, ['redis-server', 'valkey-server'], unpackedRedis, lists)) return
  throw new Error(
    "this distribution's Redis and Valkey are too old or do not run here (Redis ≥ 7.2 or Valkey ≥ 8 is needed): " +
      'put a newer redis-server on PATH, or set GATEHOUSE_REDIS_URL',
  )
}
