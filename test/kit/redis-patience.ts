const redisDeadline = new URL('redis-deadline.ts', import.meta.url).href

/**
 * Longest wait of a node or worker of the tests for Redis, ms. The product waits 250 ms, which a busy machine exceeds:
 * a request then gets 503, or the node decides without Redis.
 */
export const patientMs = 20_000

/** @returns the arguments that make a Node process wait `ms` for Redis */
export function redisDeadlineWords(ms: number): readonly string[] {
  return ['--import', `${redisDeadline}?ms=${ms}`]
}
