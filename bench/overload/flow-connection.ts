import { connect, type Socket } from 'node:net'

/** Read buffer of a connection. A reply to the generator is smaller; a longer one takes several reads. */
const READ_BYTES = 4096
const HEAD_END = Buffer.from('\r\n\r\n')
const LENGTH = 'content-length: '
const CLOSE = '\r\nconnection: close\r\n'

/**
 * Client connection of the load generator, with at most one outstanding request. Costs little CPU time: it reads into one
 * buffer, and reports replies without promises. Reads replies that have a Content-Length or no body.
 */
export class FlowConnection {
  /** Time at which the outstanding request was due, ms; 0 without an outstanding request. */
  dueMs = 0
  /** Whether the last reply said that the server closes the connection. */
  closes = false
  readonly #socket: Socket
  readonly #onReply: (connection: FlowConnection, status: number) => void
  #isAsking = false
  #status = 0
  /** Number of body bytes that have not arrived yet; −1 while the reply head is read. */
  #left = -1
  /** Part of a reply head that arrived in an earlier read. */
  #partial = ''

  /** @param onReply  called with the status of each reply; with 0 when the connection ends */
  constructor(
    port: number,
    localAddress: string,
    onReply: (connection: FlowConnection, status: number) => void,
    onOpen: (connection: FlowConnection) => void,
  ) {
    this.#onReply = onReply
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      localAddress,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(READ_BYTES),
        callback: (length, bytes) => this.#take(bytes as Buffer, length),
      },
    })
    this.#socket.once('connect', () => onOpen(this))
    this.#socket.on('error', () => undefined)
    this.#socket.once('close', () => this.#onReply(this, 0))
  }

  ask(head: string, dueMs: number): void {
    this.dueMs = dueMs
    this.#isAsking = true
    this.#socket.write(head, 'latin1')
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(bytes: Buffer, length: number): boolean {
    if (this.#left < 0) {
      const end = this.#partial === '' ? bytes.indexOf(HEAD_END) : -1
      if (end >= 0 && end < length) this.#readHead(bytes.toString('latin1', 0, end + 4), length)
      else this.#takePart(bytes.toString('latin1', 0, length))
    } else this.#left -= length
    if (this.#left !== 0 || !this.#isAsking) return true
    this.#left = -1
    this.#isAsking = false
    this.#onReply(this, this.#status)
    return true
  }

  #takePart(text: string): void {
    this.#partial += text
    const end = this.#partial.indexOf('\r\n\r\n')
    if (end < 0) return
    this.#readHead(this.#partial.slice(0, end + 4), this.#partial.length)
    this.#partial = ''
  }

  #readHead(head: string, received: number): void {
    this.#status = Number(head.slice(9, 12))
    const lowerCase = head.toLowerCase()
    this.closes = lowerCase.includes(CLOSE)
    const at = lowerCase.indexOf(LENGTH)
    const length = at < 0 ? 0 : Number.parseInt(head.slice(at + LENGTH.length), 10)
    this.#left = length - (received - head.length)
  }
}
