import { type ClientHttp2Stream, constants } from 'node:http2'
import { giveBack } from '../../base/blocks.ts'
import { GatewayFault } from '../../base/fault.ts'
import type { RequestStream } from '../target.ts'
import { trailerFields } from '../trailer-fields.ts'
import { REPEATABLE_BYTES } from './session-limits.ts'

/** Events that a request body reports to its call. */
export interface CallBodyListener {
  /** Called when the stream or its flow-control window is full: sending continues when the service has read. */
  bodyHeld(): void
  /** Called when more body bytes are expected from the client. */
  bodyAwaited(): void
  /** Called when the whole body has been passed to the stream. */
  bodySent(): void
  bodyFailed(fault: GatewayFault): void
}

/**
 * Sends a request body on a stream, at the speed of the service. Until the reply begins, the first 64 KiB are kept: if
 * the service has not processed the request, it is sent again on another HTTP/2 session (connection).
 */
export class CallBody {
  readonly #body: RequestStream
  readonly #contentLength: number | undefined
  readonly #listener: CallBodyListener
  #stream: ClientHttp2Stream | undefined
  /**
   * Bytes of the request body that were sent, in order; `undefined` when they can no longer be sent again.
   *
   * @bound request
   */
  #kept: Buffer[] | undefined = []
  #bytes = 0
  #listening = false
  /** True once the last byte of the body has been read. */
  #complete = false
  #stopped = false

  constructor(body: RequestStream, contentLength: number | undefined, listener: CallBodyListener) {
    this.#body = body
    this.#contentLength = contentLength
    this.#listener = listener
  }

  /**
   * True when the end of the body must be a separate frame, which costs one more frame and one more turn of the event
   * loop: trailers may follow, or the body may break. When a stream is reset, Node.js ends its writable side. Without
   * this separate frame, a cut body without Content-Length would look complete to the service.
   */
  get endsApart(): boolean {
    return this.#body.mayHaveTrailers ?? this.#contentLength === undefined
  }

  /** True once all bytes of the body have been passed to the stream. */
  get isSent(): boolean {
    return this.#complete
  }

  /** True when the same body can be sent again on another session. */
  get isRepeatable(): boolean {
    return this.#kept !== undefined
  }

  /** Starts to send the request body on a stream. */
  start(stream: ClientHttp2Stream): void {
    this.#stream = stream
    stream.on('drain', () => {
      if (this.#stream === stream) this.#pump()
    })
    stream.on('wantTrailers', () => {
      if (this.#complete && !stream.closed && !stream.destroyed) stream.sendTrailers(trailerFields(this.#body.trailers))
    })
    for (const chunk of this.#kept!) stream.write(chunk)
    if (this.#complete) this.#end()
    else {
      this.#listen()
      this.#pump()
    }
  }

  /** Detaches the body from its stream. Called when the stream is lost. No byte is sent until the next `start`. */
  detach(): void {
    this.#stream = undefined
  }

  /** Drops the kept bytes. Called when the reply has begun, because the request is then never sent again. */
  commit(): void {
    this.#kept = undefined
  }

  /** Discards the bytes of the request body that have not been sent. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#kept = undefined
    this.#stream = undefined
    const body = this.#body
    if (this.#listening) {
      body.off('readable', this.#pump)
      body.off('end', this.#ended)
      body.off('close', this.#broken)
    }
    // Keep an `error` listener: without a listener, a later error of the body would be an uncaught exception.
    else body.on('error', () => undefined)
    body.destroy()
  }

  #listen(): void {
    if (this.#listening) return
    this.#listening = true
    const body = this.#body
    body.on('readable', this.#pump)
    body.on('end', this.#ended)
    body.on('error', this.#broken)
    body.on('close', this.#broken)
    if (this.#contentLength === 0) this.#complete = true
    if (this.#complete) this.#end()
  }

  readonly #pump = (): void => {
    for (;;) {
      const stream = this.#stream
      if (stream === undefined || this.#complete || this.#stopped) return
      if (stream.writableNeedDrain) {
        this.#listener.bodyHeld()
        return
      }
      const chunk = this.#body.read() as Buffer | null
      if (chunk === null) {
        this.#listener.bodyAwaited()
        return
      }
      if (chunk.length > 0) this.#send(stream, chunk)
    }
  }

  #send(stream: ClientHttp2Stream, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#contentLength !== undefined && this.#bytes > this.#contentLength) {
      this.#fail('the request body is longer than its Content-Length')
      return
    }
    if (this.#bytes > REPEATABLE_BYTES) this.#kept = undefined
    if (this.#kept !== undefined) {
      this.#kept.push(chunk)
      stream.write(chunk)
    } else {
      // Return the memory of the bytes to the pool once the kernel has the bytes. After a failed write, the block is
      // not returned.
      stream.write(chunk, (error) => {
        if (error == null) giveBack(chunk)
      })
    }
    if (this.#bytes !== this.#contentLength) return
    this.#complete = true
    this.#end()
  }

  readonly #ended = (): void => {
    if (this.#complete || this.#stopped) return
    if (this.#contentLength !== undefined) {
      this.#fail('the request body is shorter than its Content-Length')
      return
    }
    this.#complete = true
    this.#end()
  }

  readonly #broken = (): void => {
    if (!this.#complete && !this.#stopped) this.#fail('the request body is incomplete')
  }

  #end(): void {
    if (this.#stream === undefined) return
    this.#stream.end()
    this.#listener.bodySent()
  }

  #fail(message: string): void {
    this.#stream?.close(constants.NGHTTP2_CANCEL)
    this.stop()
    // Report in a microtask: a call must not report an event while `send` is running.
    queueMicrotask(() => this.#listener.bodyFailed(new GatewayFault('node-fault', 'node', message)))
  }
}
