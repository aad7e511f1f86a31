import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a caller is sent as it happens (WHATWG HTML §9.2, server-sent events). */
export interface StreamEvent {
  /** Where to go on after a connection that broke: it comes back as `Last-Event-ID`. */
  readonly id: string
  /** One line. */
  readonly data: string
}

/** So long a caller may leave what it was sent unread. */
const STALL_MS = 10_000
/** What may wait for a caller in memory, beyond what one event is. */
const WAITING_MAX_BYTES = 256 * 1024
/** Lets a caller, and what is between, know that the connection is alive. */
const SIGN_OF_LIFE_MS = 15_000

/**
 * Sends events until the caller is gone or too slow, or there are no more. Only when the caller has read is the next one
 * asked for.
 *
 * @param events  `undefined`: nothing for now
 */
export async function sendEvents(
  response: ServerResponse,
  events: AsyncIterable<StreamEvent | undefined>,
): Promise<void> {
  let sentAt = performance.now()
  try {
    for await (const event of events) {
      if (response.destroyed) return
      if (event === undefined && performance.now() - sentAt < SIGN_OF_LIFE_MS) continue
      response.write(event === undefined ? ':\n\n' : `id: ${event.id}\ndata: ${event.data}\n\n`)
      sentAt = performance.now()
      if (response.writableLength > WAITING_MAX_BYTES && !(await drained(response))) return
    }
    response.end()
  } finally {
    if (!response.writableEnded) response.destroy()
  }
}

/** @returns false when the caller does not read */
async function drained(response: ServerResponse): Promise<boolean> {
  const ending = new AbortController()
  const { signal } = ending
  try {
    const read = once(response, 'drain', { signal }).then(() => true)
    const gone = once(response, 'close', { signal }).then(() => false)
    const late = sleep(STALL_MS, false, { signal })
    return await Promise.race([read, gone, late])
  } finally {
    ending.abort()
  }
}
