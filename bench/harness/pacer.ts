import { parentPort, workerData } from 'node:worker_threads'

/**
 * Signals when the next request is due. Runs in a separate thread, because a sleeping thread wakes up within about 60
 * µs of the requested time, and a timer of the event loop within 1 ms.
 */
export interface PacerOrder {
  /** Mean rate of independent arrivals. */
  readonly perSecond: number
  readonly seconds: number
}

const { perSecond, seconds } = workerData as PacerOrder
const cell = new Int32Array(new SharedArrayBuffer(4))
const endMs = nowMs() + seconds * 1000
let dueMs = nowMs()
for (;;) {
  dueMs -= (Math.log(1 - Math.random()) * 1000) / perSecond
  if (dueMs >= endMs) break
  const restMs = dueMs - nowMs()
  if (restMs > 0) Atomics.wait(cell, 0, 0, restMs)
  parentPort?.postMessage(dueMs)
}

/** Time of a clock that all threads share. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
