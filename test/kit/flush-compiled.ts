import module from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'

/** Time after which a node or worker has loaded and compiled the modules of its start, on a busy machine too, ms. */
const startedMs = 4000

/**
 * Writes the compiled code of a node or worker to the compile cache while the process runs. Node writes the cache when a
 * process exits, but tests kill most of their processes, and each of them would compile the same modules again.
 */
export async function flushCompiled(): Promise<void> {
  await sleep(startedMs, undefined, { ref: false })
  module.flushCompileCache()
}
