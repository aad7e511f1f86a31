import { randomFillSync } from 'node:crypto'

const TRACE_BYTES = 16
const SPAN_BYTES = 8
const pool = Buffer.alloc(3 * SPAN_BYTES * 512)
let used = pool.length

/** Returns a new trace id (W3C Trace Context §3.2.2.3): 32 hexadecimal digits. */
export function newTraceId(): string {
  return take(TRACE_BYTES)
}

/** Returns a new span id (W3C Trace Context §3.2.2.4): 16 hexadecimal digits. */
export function newSpanId(): string {
  return take(SPAN_BYTES)
}

/**
 * Takes random bytes from a pool and returns them as hexadecimal digits. Generating 24 random bytes for each call takes
 * 20 times as long.
 */
function take(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const from = used
  used += bytes
  return pool.toString('hex', from, used)
}
