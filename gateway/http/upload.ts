import { Readable } from 'node:stream'
import { BLOCK_BYTES, blockOf } from '../base/blocks.ts'
import { UploadQueue } from './upload-queue.ts'
import type { HttpResponse } from './uws.ts'

const WINDOW_BYTES = 64 * 1024
/** Chunks below this size are copied into a separate buffer: a 64 KiB block would waste memory. */
const SMALL_BYTES = 16 * 1024

/**
 * A request body on its way from uWebSockets.js to an upstream. It is read from the client only as fast as the upstream
 * takes it: the first chunk pauses the client until the stream is read.
 */
export class Upload {
  readonly #res: HttpResponse
  readonly #queue = new UploadQueue()
  /** True when the stream has asked for more bytes than it has. */
  #wanted = false
  #ended = false
  #paused = false
  #discarding = false
  #stream: Readable | undefined
  /** Bytes received so far. */
  bytes = 0
  /** True once the last byte has been received. */
  complete = false
  /**
   * True when the last byte arrived in this turn of the event loop. An abort in the same turn is caused by bytes behind
   * the body.
   */
  endedNow = false
  /** True once the stream has been read: the request can no longer be retried. */
  touched = false

  constructor(res: HttpResponse) {
    this.#res = res
  }

  /** True while the client is paused. */
  get paused(): boolean {
    return this.#paused
  }

  /** True when more bytes are expected and would be accepted. */
  get awaited(): boolean {
    return !this.complete && !this.#paused && !this.#discarding
  }

  /** @param chunk  invalid after this method returns, so its bytes are copied */
  receive(chunk: ArrayBuffer, last: boolean): void {
    this.bytes += chunk.byteLength
    this.complete = last
    if (this.#discarding) return
    const held = this.#paused
    this.#keep(new Uint8Array(chunk))
    if (this.touched) this.#deliver()
    // A pause in this data callback stops uWebSockets.js's own timeout; one in the request handler would not.
    else if (!last) this.#pause()
    // Bytes that were in transit when the client was paused restart that timeout. Without another pause, the timeout
    // would end the paused connection.
    if (held && this.#paused && !last) this.#res.pause()
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    if (bytes.length < SMALL_BYTES) this.#queue.push(Buffer.from(bytes))
    else {
      for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
        this.#queue.push(blockOf(bytes.subarray(at, at + BLOCK_BYTES)))
      }
    }
  }

  /** Marks the end of a chunked body. uWebSockets.js treats a trailer section behind it as another request. */
  markEnd(): void {
    this.endedNow = true
    setImmediate(() => {
      this.endedNow = false
    })
  }

  /** Opens a stream of the body. A second stream may be opened as long as nothing was read from the first. */
  open(): Readable {
    this.#stream = new Readable({
      highWaterMark: WINDOW_BYTES,
      read: () => {
        this.touched = true
        this.#wanted = true
        this.#deliver()
      },
    })
    // A failing upstream destroys the stream; the call reports the failure itself.
    this.#stream.on('error', () => undefined)
    return this.#stream
  }

  /** Discards the rest of the body as it arrives, because it will not be read. */
  discard(): void {
    this.#discarding = true
    this.#queue.clear()
  }

  /** Reads and discards the rest of the body. */
  drain(): void {
    this.discard()
    this.#resume()
  }

  /** Called when the client disconnected before the end of the body. */
  break(): void {
    this.discard()
    this.#stream?.destroy()
  }

  #deliver(): void {
    if (this.#discarding) return
    const stream = this.#stream!
    while (this.#wanted && !this.#queue.empty) this.#wanted = stream.push(this.#queue.shift())
    if (!this.#queue.empty) this.#pause()
    // Deferred: undici sends a Content-Length for a stream that has ended at first sight, but chunked must stay
    // chunked.
    else if (this.complete) this.#end(stream)
    else if (this.#wanted) this.#resume()
    else this.#pause()
  }

  #end(stream: Readable): void {
    if (this.#ended) return
    this.#ended = true
    this.#queue.clear()
    queueMicrotask(() => stream.push(null))
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#res.pause()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#res.resume()
  }
}
