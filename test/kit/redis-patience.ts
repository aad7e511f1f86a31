import { programUrl } from './programs.ts'

/**
 * Longest time that a node or worker of the tests waits for Redis, ms. The product waits 250 ms, which a busy machine
 * exceeds: a request then gets 503, or the node decides without Redis.
 */
export const patientMs = 20_000

/** Returns the arguments with which a Node process waits at most `ms` milliseconds for Redis. */
export function redisDeadlineWords(ms: number): readonly string[] {
  return ['--import', `${programUrl('redis-deadline')}?ms=${ms}`]
}
