import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 25
/** Time without running exchanges after which a drained node closes the remaining connections, ms. */
const QUIET_MS = 300

/**
 * Waits until no exchange has run for 300 ms. During this time, kept-alive connections get their last reply.
 *
 * @param running     returns the number of running exchanges
 * @param deadlineAt  monotonic time at which the wait ends in any case, ms
 * @returns number of exchanges still running at the deadline
 */
export async function quiet(running: () => number, deadlineAt: number): Promise<number> {
  let quietSince = performance.now()
  for (;;) {
    await sleep(POLL_MS)
    const now = performance.now()
    const inFlight = running()
    if (inFlight > 0) quietSince = now
    if (now - quietSince >= QUIET_MS || now >= deadlineAt) return inFlight
  }
}
