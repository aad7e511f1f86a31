/**
 * Prints the start of a long step on stderr, and its elapsed time every 5 s.
 *
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work
 * @returns {Promise<T>} the result of `work`
 */
export async function withProgress(title, work) {
  const startedMs = performance.now()
  const seconds = () => ((performance.now() - startedMs) / 1000).toFixed(0)
  console.error(`setup: ${title} …`)
  const timer = setInterval(() => console.error(`setup: ${title} … running for ${seconds()} s`), 5000)
  try {
    const result = await work()
    console.error(`setup: ${title}: done, ${seconds()} s`)
    return result
  } finally {
    clearInterval(timer)
  }
}
