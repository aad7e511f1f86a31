import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { BLOCK_BYTES, giveBack } from '../base/blocks.ts'
import { GatewayFault } from '../base/fault.ts'
import type { UpstreamRequestHead } from './request-head.ts'

/** Events that a request body reports to its connection. */
export interface BodyKeeper {
  /** Called when the whole request has been passed to the socket. */
  bodySent(): void
  /** Called when the socket's buffer is full. Sending continues after a call of `drained`. */
  bodyHeld(): void
  /** Called when more body bytes are expected from the client. */
  bodyAwaited(): void
  bodyFailed(body: RequestBody, fault: GatewayFault): void
}

/**
 * Sends a request body to a service, with Content-Length or chunked (RFC 9112 §7.1), at the speed of the socket.
 * Reading the body starts once the connection is open, so that another upstream can take the request if the connection
 * fails.
 */
export class RequestBody {
  readonly #socket: Socket
  readonly #body: Readable
  readonly #keeper: BodyKeeper
  /** Number of body bytes still to send; `undefined` for a chunked body. */
  #left: number | undefined
  #over = false

  constructor(socket: Socket, body: Readable, keeper: BodyKeeper) {
    this.#socket = socket
    this.#body = body
    this.#keeper = keeper
  }

  /** Writes the request head and the body bytes that are available, in one packet if possible. */
  start({ text, contentLength }: UpstreamRequestHead): void {
    this.#left = contentLength
    const body = this.#body
    body.on('readable', this.#pump)
    body.on('end', this.#ended)
    body.on('error', this.#broken)
    body.on('close', this.#broken)
    this.#socket.cork()
    this.#socket.write(text, 'latin1')
    if (contentLength === 0) this.#sent()
    else this.#pump()
    this.#socket.uncork()
  }

  /** Continues sending the request after the socket has drained. */
  drained(): void {
    if (!this.#over) this.#pump()
  }

  /** Discards the body bytes that have not been sent. */
  stop(): void {
    this.#end()
    this.#body.destroy()
  }

  readonly #pump = (): void => {
    const socket = this.#socket
    while (!this.#over) {
      if (socket.writableNeedDrain) {
        this.#keeper.bodyHeld()
        return
      }
      const chunk = this.#body.read() as Buffer | null
      if (chunk === null) {
        this.#keeper.bodyAwaited()
        return
      }
      if (this.#left === undefined) this.#writeChunk(chunk)
      else this.#writePart(chunk)
    }
  }

  #writeChunk(chunk: Buffer): void {
    if (chunk.length === 0) return
    const socket = this.#socket
    socket.cork()
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    write(socket, chunk)
    socket.write('\r\n', 'latin1')
    socket.uncork()
  }

  #writePart(chunk: Buffer): void {
    this.#left! -= chunk.length
    if (this.#left! < 0) {
      this.#fail('the request body is longer than its Content-Length')
      return
    }
    write(this.#socket, chunk)
    if (this.#left === 0) this.#sent()
  }

  readonly #ended = (): void => {
    if (this.#over) return
    if (this.#left !== undefined) {
      this.#fail('the request body is shorter than its Content-Length')
      return
    }
    this.#socket.write('0\r\n\r\n', 'latin1')
    this.#sent()
  }

  readonly #broken = (): void => {
    if (!this.#over) this.#fail('the request body is incomplete')
  }

  #sent(): void {
    this.#end()
    this.#keeper.bodySent()
  }

  #fail(message: string): void {
    this.stop()
    // Report in a microtask: a connection must not report an event while `send` is running.
    queueMicrotask(() => this.#keeper.bodyFailed(this, new GatewayFault('node-fault', 'node', message)))
  }

  #end(): void {
    this.#over = true
    const body = this.#body
    body.off('readable', this.#pump)
    body.off('end', this.#ended)
    body.off('close', this.#broken)
    // Keep the `error` listener: a later error must not become an uncaught exception.
  }
}

/**
 * Writes a piece of the body to the socket. Returns its memory block to the pool once the kernel has copied the bytes.
 * After a failed write the block is not returned, because the socket may still read it.
 */
function write(socket: Socket, chunk: Buffer): void {
  if (chunk.buffer.byteLength !== BLOCK_BYTES) socket.write(chunk)
  else {
    socket.write(chunk, (error) => {
      if (error == null) giveBack(chunk)
    })
  }
}
