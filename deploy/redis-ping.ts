import { commandRedis } from './redis-command.ts'

/**
 * Sends one PING to a Redis.
 *
 * @param url  URL of the Redis, in the form that {@link commandRedis} accepts
 * @throws {Error} when Redis does not answer +PONG within `timeoutMs`; the message never contains the password
 */
export async function pingRedis(url: string, timeoutMs = 1000): Promise<void> {
  const reply = await commandRedis(url, ['PING'], timeoutMs)
  if (reply !== '+PONG') throw new Error('the server answers, but is not a Redis')
}
