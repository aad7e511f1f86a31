import { Readable } from 'node:stream'
import { BLOCK_BYTES, blockOf } from '../base/blocks.ts'
import { UploadQueue } from './upload-queue.ts'
import type { HttpResponse } from './uws.ts'

const WINDOW_BYTES = 64 * 1024
/** A block would be a waste. */
const SMALL_BYTES = 16 * 1024

/**
 * A request body between uWebSockets.js and an upstream. Read from the client only as fast as it is taken: the first
 * chunk pauses the client until somebody reads.
 */
export class Upload {
  readonly #res: HttpResponse
  readonly #queue = new UploadQueue()
  /** The stream has asked for more than it has. */
  #wanted = false
  #ended = false
  #paused = false
  #discarding = false
  #stream: Readable | undefined
  /** Bytes that came in so far. */
  bytes = 0
  /** The last byte came in. */
  complete = false
  /** The last byte came in this turn of the event loop. An abort in the same turn is caused by bytes behind the body. */
  endedNow = false
  /** True once something was handed on: the request can no longer be tried again. */
  touched = false

  constructor(res: HttpResponse) {
    this.#res = res
  }

  /** The client is not to send for now. */
  get paused(): boolean {
    return this.#paused
  }

  /** More is to come, and would be taken. */
  get awaited(): boolean {
    return !this.complete && !this.#paused && !this.#discarding
  }

  /** @param chunk  emptied by the listener when this returns, so copied here */
  receive(chunk: ArrayBuffer, last: boolean): void {
    this.bytes += chunk.byteLength
    this.complete = last
    if (this.#discarding) return
    const held = this.#paused
    this.#keep(new Uint8Array(chunk))
    if (this.touched) this.#deliver()
    // Pausing in the handler itself would leave the listener's own timer armed; here it stops.
    else if (!last) this.#pause()
    // What was under way when the client was paused arms the listener's timer: it would be ended for being held.
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

  /** Marks the end of a chunked body, whose trailer the listener takes for another request. */
  markEnd(): void {
    this.endedNow = true
    setImmediate(() => {
      this.endedNow = false
    })
  }

  /** A stream over the body. A second one may be opened while nothing of the first was read. */
  open(): Readable {
    this.#stream = new Readable({
      highWaterMark: WINDOW_BYTES,
      read: () => {
        this.touched = true
        this.#wanted = true
        this.#deliver()
      },
    })
    // An upstream that fails destroys the stream; the failure itself is reported by the call.
    this.#stream.on('error', () => undefined)
    return this.#stream
  }

  /** Nobody will read the rest: what of it comes is dropped. */
  discard(): void {
    this.#discarding = true
    this.#queue.clear()
  }

  /** Nobody will read the rest: it is to come, and is dropped. */
  drain(): void {
    this.discard()
    this.#resume()
  }

  /** The client went away in mid-body. */
  break(): void {
    this.discard()
    this.#stream?.destroy()
  }

  #deliver(): void {
    if (this.#discarding) return
    const stream = this.#stream!
    while (this.#wanted && !this.#queue.empty) this.#wanted = stream.push(this.#queue.shift())
    if (!this.#queue.empty) this.#pause()
    // Not at once: a stream that is over when undici first looks at it gets a Content-Length, and chunked stays chunked.
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
