import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

/** One event of an event stream (server-sent events, WHATWG HTML §9.2). */
export interface StreamEvent {
  /**
   * Place in the stream after this event. To resume the stream after a disconnection, the client sends this id as
   * `Last-Event-ID`.
   */
  readonly id?: string
  /** Kind of the event. Default: `message`. */
  readonly event?: string
  /** Payload of the event, on a single line. */
  readonly data: string
}

/** Time (ms) after which an event stream of the admin API is closed if its client reads nothing. */
const STALL_MS = 10_000
/**
 * Number of unsent bytes of an event stream above which the node takes no further event until the client has read. The
 * last event can exceed this number.
 */
const WAITING_MAX_BYTES = 256 * 1024
/**
 * If an event stream has no event for this time (ms), the node sends a comment line. It shows clients and proxies that
 * the connection is alive.
 */
const SIGN_OF_LIFE_MS = 15_000

/**
 * Sends events to a client of the admin API until the stream ends, the client disconnects or reads too slowly. Requests
 * the next event only when at most `WAITING_MAX_BYTES` wait for the client.
 *
 * @param events  events to send; `undefined`: there is no event at the moment
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
      response.write(event === undefined ? ':\n\n' : eventText(event))
      sentAt = performance.now()
      if (response.writableLength > WAITING_MAX_BYTES && !(await drained(response))) return
    }
    response.end()
  } finally {
    if (!response.writableEnded) response.destroy()
  }
}

function eventText({ id, event, data }: StreamEvent): string {
  const named = event === undefined ? '' : `event: ${event}\n`
  return `${id === undefined ? '' : `id: ${id}\n`}${named}data: ${data}\n\n`
}

/**
 * Waits until the client of an event stream has read all sent bytes.
 *
 * @returns false when the client disconnected or did not read them within `STALL_MS`
 */
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
