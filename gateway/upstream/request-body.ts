import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { BLOCK_BYTES, giveBack } from '../base/blocks.ts'
import { GatewayFault } from '../base/fault.ts'
import type { RequestHead } from './request-head.ts'

/** What the connection is told. */
export interface BodyKeeper {
  /** All of the request is with the socket. */
  bodySent(): void
  /** The service has to take what it has before more is sent. */
  bodyHeld(): void
  /** More is to come from the client. */
  bodyAwaited(): void
  bodyFailed(body: RequestBody, fault: GatewayFault): void
}

/**
 * A request body on its way to a service, by Content-Length or chunked (RFC 9112 §7.1), as fast as the socket takes it. It
 * is first read once the connection is open, so that a request whose connection fails can be sent to another.
 */
export class RequestBody {
  readonly #socket: Socket
  readonly #body: Readable
  readonly #keeper: BodyKeeper
  /** Bytes still to come; `undefined`: chunked. */
  #left: number | undefined
  #over = false

  constructor(socket: Socket, body: Readable, keeper: BodyKeeper) {
    this.#socket = socket
    this.#body = body
    this.#keeper = keeper
  }

  /** Writes the head, and what there is of the body in the same packet. */
  start({ text, contentLength }: RequestHead): void {
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

  /** The service took what it was sent. */
  drained(): void {
    if (!this.#over) this.#pump()
  }

  /** Nobody wants the rest. */
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
      this.#fail('more of a request body than its Content-Length')
      return
    }
    write(this.#socket, chunk)
    if (this.#left === 0) this.#sent()
  }

  readonly #ended = (): void => {
    if (this.#over) return
    if (this.#left !== undefined) {
      this.#fail('less of a request body than its Content-Length')
      return
    }
    this.#socket.write('0\r\n\r\n', 'latin1')
    this.#sent()
  }

  readonly #broken = (): void => {
    if (!this.#over) this.#fail('a request body that broke off')
  }

  #sent(): void {
    this.#end()
    this.#keeper.bodySent()
  }

  #fail(message: string): void {
    this.stop()
    // Later: nothing is reported from within `send`.
    queueMicrotask(() => this.#keeper.bodyFailed(this, new GatewayFault('node-fault', 'node', message)))
  }

  #end(): void {
    this.#over = true
    const body = this.#body
    body.off('readable', this.#pump)
    body.off('end', this.#ended)
    body.off('close', this.#broken)
    // An error after that is nobody's, and must not pass for an uncaught one: that listener stays.
  }
}

/** A block is free again once the kernel has its bytes; after a failure nobody knows who still reads it. */
function write(socket: Socket, chunk: Buffer): void {
  if (chunk.buffer.byteLength !== BLOCK_BYTES) socket.write(chunk)
  else {
    socket.write(chunk, (error) => {
      if (error == null) giveBack(chunk)
    })
  }
}
