import type { Readable } from 'node:stream'
import { BLOCK_BYTES, blockOf } from '../base/blocks.ts'
import { BodyStream } from '../pipeline/exchange/body-stream.ts'
import type { RequestStream } from '../upstream/target.ts'
import { UploadQueue } from './upload-queue.ts'
import type { HttpResponse } from './uws.ts'

/**
 * Size below which a chunk is copied into a separate buffer, bytes. A 64 KiB block for a small chunk would waste
 * memory.
 */
const SMALL_BYTES = 16 * 1024
/** Longest wait for the rest of a request body before a reply, in sweeps: 8 × 250 ms = 2 s. */
const REST_SWEEPS = 8

/**
 * A request body on its way from uWebSockets.js to an upstream. The client is read only as fast as the upstream reads
 * the body: after the first chunk, the client is paused until the upstream reads the stream.
 */
export class Upload {
  readonly #res: HttpResponse
  /**
   * Bytes of the request body that the service has not taken.
   *
   * @bound 4 MiB for a request, 256 MiB for the node | further bytes go to a temporary file |
   * gatehouse_memory_external_bytes
   */
  readonly #queue = new UploadQueue()
  /** True when the reader of the upload has requested more bytes than the queue had. */
  #wanted = false
  #ended = false
  #paused = false
  #discarding = false
  #stream: BodyStream | undefined
  /**
   * Called once the rest of the request body was read or took too long; `undefined` when no reply waits for the rest.
   */
  #onRest: (() => void) | undefined
  #restSweeps = 0
  /** Number of request body bytes received so far. */
  bytes = 0
  /** True when the request body arrived in more than one part. */
  continued = false
  /** True when the last byte of the request body has been received. */
  complete = false
  /**
   * True when the last byte of the request body arrived in the current turn of the event loop. An abort in the same
   * turn is caused by bytes after the body, such as a trailer section.
   */
  endedNow = false
  /** True when the upstream has read from the request body, so that the request can no longer be retried. */
  touched = false

  constructor(res: HttpResponse) {
    this.#res = res
  }

  /** True while reading from the client is paused. */
  get paused(): boolean {
    return this.#paused
  }

  /** True when the gate waits for more bytes of the request body and would accept them. */
  get awaited(): boolean {
    return !this.complete && !this.#paused && !this.#discarding
  }

  /** @param chunk  must not be used after this method returns, so its bytes are copied */
  receive(chunk: ArrayBuffer, last: boolean): void {
    this.continued = this.bytes > 0
    this.bytes += chunk.byteLength
    this.complete = last
    if (this.#discarding) {
      if (last) this.#endRest()
      return
    }
    const held = this.#paused
    this.#keep(new Uint8Array(chunk))
    if (this.touched) this.#deliver()
    // Pause the client in this data callback: a pause here stops the timeout of uWebSockets.js; a pause in the request
    // handler would not.
    else if (!last) this.#pause()
    // Bytes that were in transit when the client was paused restart the timeout of uWebSockets.js. Pause again, because
    // this timeout would end the paused connection.
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

  /**
   * Marks the end of a chunked request body. uWebSockets.js treats a trailer section after the body as another request.
   */
  markEnd(): void {
    this.endedNow = true
    setImmediate(() => {
      this.endedNow = false
    })
  }

  /** True while bytes of the request body are expected or have not been read by the upstream. */
  get unsent(): boolean {
    return !this.#discarding && (!this.#ended || this.#stream!.readableLength > 0)
  }

  /**
   * Opens a stream of the request body. A second stream can be opened as long as nothing was read from the first.
   *
   * @param mayRelay  whether the upstream is allowed to read now; called at each read
   */
  open(mayRelay: () => boolean): RequestStream {
    const fill = (): void => {
      this.touched = true
      this.#wanted = true
      this.#deliver()
    }
    this.#stream = new BodyStream(mayRelay, fill, (length) => this.takeWhole(length))
    return this.#stream
  }

  /**
   * Takes a small body that has arrived whole, and of which nothing was read.
   *
   * @param length  length of the body as stated in Content-Length, bytes
   * @returns `undefined` when the upstream must read the stream
   */
  takeWhole(length: number | undefined): Buffer | undefined {
    if (!this.complete || this.touched || this.#discarding || this.bytes !== length) return undefined
    if (length >= SMALL_BYTES) return undefined
    const chunk = this.#queue.onlyChunk()
    if (chunk === undefined) return undefined
    this.touched = true
    this.#ended = true
    return chunk
  }

  /** Makes the upstream read the request body again, after `mayRelay` was false and became true. */
  wake(): void {
    if (!this.#discarding) this.#stream?.wake()
  }

  /**
   * Discards the rest of the request body as it arrives, because no upstream will read it. Does not resume a paused
   * client.
   */
  discard(): void {
    this.#discarding = true
    this.#queue.clear()
  }

  /**
   * Reads from the client again after a complete request body: a connection that stays paused would not read the next
   * request. Call this only right before the end of the reply. Earlier, it would start the idle timeout of
   * uWebSockets.js while the service still works.
   */
  readNext(): void {
    if (this.complete) this.#resume()
  }

  /** Reads the rest of the request body from the client and discards it. */
  drain(): void {
    this.discard()
    this.#resume()
  }

  /** Reads the rest of the request body and discards it. Calls `done` when the rest has arrived, or after 2 s. */
  awaitRest(done: () => void): void {
    this.#onRest = done
    this.drain()
  }

  get awaitsRest(): boolean {
    return this.#onRest !== undefined
  }

  /** Ends a wait for the rest of the request body after 2 s. Called every 250 ms. */
  sweepRest(): void {
    if (this.#onRest !== undefined && ++this.#restSweeps > REST_SWEEPS) this.#endRest()
  }

  #endRest(): void {
    const done = this.#onRest
    this.#onRest = undefined
    done?.()
  }

  /** Must be called when the client disconnected before the end of the request body. */
  break(): void {
    this.#onRest = undefined
    this.discard()
    this.#stream?.destroy()
  }

  #deliver(): void {
    if (this.#discarding) return
    const stream = this.#stream!
    while (this.#wanted && !this.#queue.empty) this.#wanted = stream.push(this.#queue.shift())
    if (!this.#queue.empty) this.#pause()
    // End the stream by `#end`, in a microtask. For a stream that has already ended, undici would send a
    // Content-Length, but a chunked request must stay chunked.
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
