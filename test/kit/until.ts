import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits until `holds` returns true. The pause between two calls is a twentieth of the time waited, at least 25 ms and at
 * most 100 ms: on a busy machine, frequent calls would delay the event. @throws {Error} that contains `what` after
 * `limitMs`
 */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 30_000): Promise<void> {
  const startMs = performance.now()
  while (!(await holds())) {
    const waitedMs = performance.now() - startMs
    if (waitedMs > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleep(Math.min(100, Math.max(25, waitedMs / 20)))
  }
}
