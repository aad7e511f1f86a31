import { connect, type Socket } from 'node:net'
import { requestMix, requestText } from './request-mix.ts'

export interface ConnectionReply {
  readonly status: number
  /** Time at which the last byte of the reply arrived, ms (`performance.now()`). */
  readonly atMs: number
}

interface Asked {
  resolve(reply: ConnectionReply): void
  reject(error: Error): void
}

/**
 * Client connection with keep-alive and at most one outstanding request. Reads replies that have a Content-Length or no
 * body.
 */
export class KeepAliveConnection {
  readonly #socket: Socket
  #asked: Asked | undefined
  #status = 0
  /** Number of body bytes that have not arrived yet; −1 while the reply head is read. */
  #left = -1
  #head = ''

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => this.#take(bytes))
    socket.on('close', () => this.#fail(new Error('the connection was closed')))
    socket.on('error', (error) => this.#fail(error))
  }

  /** Opens a connection to a loopback port. @throws {Error} when the connection is refused */
  static open(port: number, localAddress = '127.0.0.1'): Promise<KeepAliveConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', localAddress })
      socket.once('error', reject).once('connect', () => {
        socket.off('error', reject)
        resolve(new KeepAliveConnection(socket))
      })
    })
  }

  /** Whether the connection is still open. The peer can close an idle connection at any time. */
  get open(): boolean {
    return this.#socket.readyState === 'open'
  }

  /** Sends a request and waits for its reply. @throws {Error} when the connection ends before the reply */
  ask(head: string): Promise<ConnectionReply> {
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject }
      this.#socket.write(head, 'latin1')
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(bytes: Buffer): void {
    if (this.#left < 0) {
      this.#head += bytes.toString('latin1')
      const end = this.#head.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#status = Number(this.#head.slice(9, 12))
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#head.slice(0, end + 2))?.[1] ?? 0)
      this.#left = length - (this.#head.length - end - 4)
    } else this.#left -= bytes.length
    if (this.#left > 0) return
    this.#left = -1
    this.#head = ''
    const asked = this.#asked
    this.#asked = undefined
    asked?.resolve({ status: this.#status, atMs: performance.now() })
  }

  #fail(error: Error): void {
    this.#asked?.reject(error)
    this.#asked = undefined
  }
}

/** Returns a GET request as text, with the fields of a browser. */
export function getRequest(path: string, authorization?: string): string {
  return requestText(requestMix('authorization', authorization === undefined ? [] : [authorization], path)[0]!)
}
