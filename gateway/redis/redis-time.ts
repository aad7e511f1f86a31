import type { RedisClient } from './redis-client.ts'

/** Returns the time by the clock of Redis, ms since the Unix epoch, with fractions. @throws {RedisFault} as a rejection */
export async function redisTimeMs(client: Pick<RedisClient, 'call'>): Promise<number> {
  const [seconds, micros] = (await client.call('TIME')) as [string, string]
  return Number(seconds) * 1000 + Number(micros) / 1000
}
