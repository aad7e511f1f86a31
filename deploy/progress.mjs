/**
 * Says on stderr that a long step has begun, and every five seconds that it is alive.
 *
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work
 * @returns {Promise<T>} what `work` gives
 */
export async function withProgress(title, work) {
  const startedMs = performance.now()
  const seconds = () => ((performance.now() - startedMs) / 1000).toFixed(0)
  console.error(`setup: ${title} …`)
  const timer = setInterval(() => console.error(`setup: ${title} … still at it, ${seconds()} s`), 5000)
  try {
    const result = await work()
    console.error(`setup: ${title}: done, ${seconds()} s`)
    return result
  } finally {
    clearInterval(timer)
  }
}
