import { parentPort, workerData } from 'node:worker_threads'

/**
 * Says when the next request is due: a thread of its own, since only a thread that may sleep wakes up to some 60 µs after
 * the moment that it wants, where a timer of the event loop takes up to 1 ms.
 */
export interface PacerOrder {
  /** Mean; arrivals are independent of each other. */
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

/** One clock for all threads. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
