import type { RedisSettings } from '../base/redis-topology.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import { RedisLink } from '../redis/redis-link.ts'

/**
 * Longest time of `gatehouse doctor` to connect to Redis, ms. Shorter than the time of one check, so that the check can
 * report the cause.
 */
const CONNECT_MS = 3500

export interface RedisConnection {
  /** Waits until Redis replies. Rejects with the last error of the connection. */
  readonly client: Promise<RedisClient>
  close(): Promise<void>
}

/** Opens a connection to Redis that all checks of one run of `gatehouse doctor` share. */
export function connectRedis(redis: RedisSettings): RedisConnection {
  let lastError = `no reply within ${CONNECT_MS / 1000} s`
  const link = new RedisLink(redis, (_, __, { reason }) => {
    if (reason !== undefined) lastError = String(reason)
  })
  const client = link.client('receipt', 'doctor')
  const connected = Promise.withResolvers<RedisClient>()
  const timer = setTimeout(() => connected.reject(new Error(lastError)), CONNECT_MS)
  if (client.ready) connected.resolve(client)
  client.onReady(() => connected.resolve(client))
  connected.promise.catch(() => {})
  return {
    client: connected.promise,
    async close() {
      clearTimeout(timer)
      await link.close()
    },
  }
}
