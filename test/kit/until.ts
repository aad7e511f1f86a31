import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `holds` returns true; calls it every 25 ms. @throws {Error} that contains `what` after `limitMs` */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 30_000): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleep(25)
  }
}
