/**
 * Waits for `work`, at most `limitMs` milliseconds; then throws an error.
 *
 * @param what  name of the awaited event in the error; a function when the text is known only at the deadline
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
