import type { ServerHttp2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import { BodyStream } from '../pipeline/exchange/body-stream.ts'
import type { RequestStream, Trailers } from '../upstream/target.ts'

/** Receives the events of an HTTP/2 request body. Each method may end the exchange. */
export interface UploadListener {
  /**
   * Called before bytes of the request body are passed to the upstream. `total` is the number of bytes received so far.
   */
  onBytes(total: number, bytes: Uint8Array): void
  /** Called for request body bytes that arrive after `release`, which the gate does not read. */
  onDropped(bytes: number): void
  /** Called when request trailers have arrived, before the end of the body is passed on. */
  onTrailers(trailers: Trailers): void
  /** Selects the request trailers that the service gets. */
  select(trailers: Trailers): Trailers
}

const ofStream: unique symbol = Symbol('upload')

interface NoticedStream extends ServerHttp2Stream {
  [ofStream]?: Http2Upload
}

const push = Duplex.prototype.push

/** Event handler that all streams share, so that a stream needs no closure. */
function pushNoticed(this: NoticedStream, chunk: unknown, encoding?: BufferEncoding): boolean {
  this[ofStream]!.pushed(chunk as Buffer | null)
  return push.call(this, chunk, encoding)
}

/**
 * A request body on its way from an HTTP/2 stream to an upstream. Nothing is read before the upstream reads: until then
 * the client can send the window of the stream, 64 KiB.
 */
export class Http2Upload {
  readonly #source: ServerHttp2Stream
  readonly #listener: UploadListener
  /** Trailers of the request, as received. */
  #trailers: Trailers | undefined
  #stream: Http2BodyStream | undefined
  #started = false
  #waiting = false
  #discarding = false
  /** True when the reply has been sent, and the stream waits only for the end of the request body. */
  #released = false
  /** True when no more request body bytes will arrive, also because the stream was reset. */
  #ended = false
  /** True when the request body arrived in more than one part. */
  continued = false
  /** Number of request body bytes received so far. */
  bytes = 0
  /** True when the last byte of the request body has been received. */
  complete = false
  /** True when the upstream has read from the request body, so that the request can no longer be retried. */
  touched = false

  constructor(source: ServerHttp2Stream, listener: UploadListener) {
    this.#source = source
    this.#listener = listener
    source.on('trailers', (_, __, list: readonly string[]) => {
      this.#trailers = list
      listener.onTrailers(list)
    })
    this.#noticeEnd()
  }

  /** Replaces `push` of the stream to notice the end of the body, which Node.js reports only to a reader. */
  #noticeEnd(): void {
    const source: NoticedStream = this.#source
    source[ofStream] = this
    source.push = pushNoticed
  }

  /** Must be called before the stream gets a chunk of the request body, or `null` at its end. */
  pushed(chunk: Buffer | null): void {
    if (chunk !== null) {
      if (this.#released) this.#listener.onDropped(chunk.length)
    } else if (!this.#ended) {
      this.#ended = true
      // Wait one tick for the trailers: Node.js reports them before the next tick.
      process.nextTick(() => this.#noticeWhole())
    }
  }

  #noticeWhole(): void {
    this.#stream?.onWhole?.()
    if (this.#released) this.#source.resume()
  }

  /** False when the whole request body has arrived without trailers, so that none can follow. True for a cut body. */
  get mayHaveTrailers(): boolean {
    return this.#trailers !== undefined || !this.#ended || this.#source.closed
  }

  /** Request trailers for the service; complete at the end of the request body. */
  get trailers(): Trailers | undefined {
    return this.#trailers && this.#listener.select(this.#trailers)
  }

  /** True when the gate waits for more bytes of the request body and would accept them. */
  get awaited(): boolean {
    return this.#waiting && !this.complete && !this.#discarding
  }

  /** True while bytes of the request body are expected or have not been read by the upstream. */
  get unsent(): boolean {
    return !this.#discarding && (!this.complete || (this.#stream?.readableLength ?? 0) > 0)
  }

  /** Opens a stream of the request body. A second stream can be opened as long as nothing was read from the first. */
  open(mayRelay: () => boolean): RequestStream {
    this.#stream = new Http2BodyStream(this, mayRelay, () => {
      this.touched = true
      this.#fill()
    })
    return this.#stream
  }

  #fill(): void {
    if (this.#discarding || this.complete) return
    this.#waiting = true
    if (this.#started) {
      this.#source.resume()
      return
    }
    this.#started = true
    // End the stream at once: Node.js has emitted the end of an empty body if it arrived before the upstream was
    // connected.
    if (this.#source.readableEnded) {
      this.#end()
      return
    }
    this.#source.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#source.on('end', () => this.#end())
  }

  /** Takes the whole request body, as described in `RequestStream`. */
  takeWhole(length: number | undefined): Buffer | undefined {
    const source = this.#source
    if (this.#started || this.#discarding || this.mayHaveTrailers || !isHeld(source, length)) return undefined
    this.touched = true
    this.complete = true
    const chunk = (source.read() as Buffer | null) ?? noBytes
    this.bytes = chunk.length
    this.#listener.onBytes(this.bytes, chunk)
    return chunk
  }

  #receive(chunk: Buffer): void {
    if (this.#released) return
    this.continued = this.bytes > 0
    this.bytes += chunk.length
    this.#listener.onBytes(this.bytes, chunk)
    if (this.#discarding) return
    this.#waiting = this.#stream!.push(chunk)
    if (!this.#waiting) this.#source.pause()
  }

  /**
   * Check for the end by the client: Node.js also ends the body of a stream that was reset: only a body that the client
   * has ended is complete.
   */
  #end(): void {
    if (this.#source.aborted || this.#source.rstCode !== 0) {
      this.break()
      return
    }
    this.complete = true
    if (!this.#discarding) this.#stream!.push(null)
  }

  /** Makes the upstream read the request body again, after it was not allowed to read. */
  wake(): void {
    if (!this.#discarding) this.#stream?.wake()
  }

  /** Discards the rest of the request body, because no upstream will read it. */
  discard(): void {
    this.#discarding = true
    this.#source.pause()
  }

  /**
   * Must be called when the whole reply has been sent. Drops the rest of the body once it has arrived: Node.js keeps a
   * stream with unread bytes, so that refused requests would use up `max_streams`.
   */
  release(): void {
    this.#discarding = true
    this.#released = true
    if (this.#ended) this.#source.resume()
  }

  /** Must be called when the client disconnected before the end of the request body. */
  break(): void {
    this.#discarding = true
    this.#stream?.destroy()
  }
}

/**
 * Whether a request body that has ended is in the buffer of its stream. The limit of the buffer was not reached, so
 * nothing is held back.
 */
function isHeld(
  { readableLength, readableHighWaterMark, closed }: ServerHttp2Stream,
  length: number | undefined,
): boolean {
  if (closed || readableLength >= readableHighWaterMark) return false
  return length === undefined || length === readableLength
}

/** A request body with the trailers of its HTTP/2 stream. */
class Http2BodyStream extends BodyStream implements RequestStream {
  onWhole?: () => void
  readonly #upload: Http2Upload

  constructor(upload: Http2Upload, mayRelay: () => boolean, fill: () => void) {
    super(mayRelay, fill, (length) => upload.takeWhole(length))
    this.#upload = upload
  }

  get mayHaveTrailers(): boolean {
    return this.#upload.mayHaveTrailers
  }

  get trailers(): Trailers {
    return this.#upload.trailers ?? noTrailers
  }
}

/** Empty list: the trailers of an upload without trailers. @bound code */
const noTrailers: Trailers = []
const noBytes = Buffer.alloc(0)
