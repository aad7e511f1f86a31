/**
 * Number of turns of the event loop, after an HTTP/2 session has closed, in which Node.js frees the native parts of its
 * streams.
 */
const FREEING_TURNS = 4

/** HTTP/2 streams whose native parts only garbage collection frees, each with the native part of its session. */
const unfreed = new FinalizationRegistry<object>(() => undefined)

/** An `Http2Session` of node:http2. */
interface ClosingSession {
  on(event: 'close', listener: () => void): unknown
}

/**
 * Keeps the native part of an HTTP/2 session in memory until the native parts of its streams are freed.
 *
 * Without this class, any peer can end the process. A stream that ends in the middle of a header block, for example
 * because of too many trailers, still has fields in the memory of its session. If garbage collection frees the session
 * before the stream, Node.js aborts: `Assertion failed: (current_nghttp2_memory_) == (0)` (nodejs/node#39844; in
 * Node.js 24.21). Node.js frees streams one or two turns of the event loop after their end. A stream whose last write
 * is not complete is freed only by garbage collection.
 */
export class NativeSession {
  readonly #native: object | undefined

  /** @param session  a session of node:http2 with a connected socket */
  constructor(session: ClosingSession) {
    // No public property of Node.js refers to the native part of a session. Another version of Node.js may not have
    // this internal property.
    const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'kHandle')
    const native = key === undefined ? undefined : (session as object as Record<symbol, object | undefined>)[key]
    this.#native = native
    if (native !== undefined) session.on('close', () => keep(native, FREEING_TURNS))
  }

  /**
   * Keeps the native part of the session until the stream is freed. Call this when a stream ended with incomplete
   * writes.
   */
  outlive(stream: object): void {
    if (this.#native !== undefined) unfreed.register(stream, this.#native)
  }
}

function keep(native: object, turns: number): void {
  if (turns > 0) setImmediate(keep, native, turns - 1)
}
