import { parentPort, workerData } from 'node:worker_threads'

/**
 * Options of a worker thread that posts a message when the next request is due. A thread that sleeps in `Atomics.wait`
 * wakes up within about 60 µs of the requested time; a timer of the event loop only within 1 ms.
 */
export interface PacerOrder {
  /** Mean number of requests per second. The times of the requests are random and independent (Poisson process). */
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

/** Reads a clock that has the same value in all threads, ms. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
