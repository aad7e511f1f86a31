/**
 * Waits for `work`, but no longer than `limitMs`.
 *
 * @param what  the awaited event, which the error names; a function if its text is known only at the deadline
 */
export async function within<T>(limitMs: number, what: string | (() => string), work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(new Error(`waited ${limitMs} ms for ${typeof what === 'string' ? what : what()}`))
  }, limitMs)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
