import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { atEnd } from './cleanup.ts'
import { within } from './deadline.ts'
import { defaultLimitMs } from './wire.ts'

export interface TlsClientOptions {
  readonly port: number
  readonly name?: string
  readonly cert?: string
  readonly key?: string
  readonly session?: Buffer | undefined
  /** Address from which the client connects. Default: 127.0.0.1. */
  readonly localAddress?: string
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
}

export interface TlsReply {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** An HTTP/1.1 client on one TLS connection that stays open, with a client certificate. */
export class TlsClient {
  readonly socket: TLSSocket
  /** Latest session of the connection, for a resumption on another one. */
  session: Buffer | undefined
  #received = ''
  #arrived = Promise.withResolvers<void>()
  #ended = false

  private constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('session', (session: Buffer) => {
      this.session = session
      this.#notify()
    })
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text
      this.#notify()
    })
    socket.on('close', () => {
      this.#ended = true
      this.#notify()
    })
    socket.on('error', () => {})
  }

  /**
   * Opens a connection. The client does not verify the certificate of the server.
   *
   * @throws {Error} when the handshake fails; with TLS 1.3 a rejected client certificate appears only at the first read
   */
  static async open({ port, name = 'api.example', ...tls }: TlsClientOptions): Promise<TlsClient> {
    const socket = connect({ host: '127.0.0.1', port, servername: name, rejectUnauthorized: false, ...tls })
    const client = new TlsClient(socket)
    atEnd(() => void socket.destroy())
    await within(defaultLimitMs, 'the TLS handshake', once(socket, 'secureConnect'))
    return client
  }

  /** Sends a GET request and reads the whole reply. @throws {Error} when the connection ends first */
  async get(path: string, fields: Readonly<Record<string, string>> = {}): Promise<TlsReply> {
    this.send(path, fields)
    const head = await this.until('\r\n\r\n')
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    await this.#wait(() => this.#received.length >= length, 'the body')
    const body = this.#received.slice(0, length)
    this.#received = this.#received.slice(length)
    return { status: Number(head.slice(9, 12)), head, body }
  }

  send(path: string, fields: Readonly<Record<string, string>> = {}): void {
    const lines = Object.entries({ host: 'api.example', ...fields }).map(([name, value]) => `${name}: ${value}\r\n`)
    this.socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  }

  /** Reads up to and including a text. @throws {Error} when the connection ends first */
  async until(text: string): Promise<string> {
    await this.#wait(() => this.#received.includes(text), JSON.stringify(text))
    const end = this.#received.indexOf(text) + text.length
    const read = this.#received.slice(0, end)
    this.#received = this.#received.slice(end)
    return read
  }

  /** Waits for a session that another connection can resume. */
  async resumable(): Promise<Buffer> {
    await this.#wait(() => this.session !== undefined, 'a TLS session')
    return this.session!
  }

  /** Waits until the server has closed the connection. */
  async closed(): Promise<void> {
    while (!this.#ended) await within(defaultLimitMs, 'the end of the connection', this.#arrived.promise)
  }

  async #wait(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) {
      if (this.#ended) throw new Error(`the connection ended before ${what}`)
      await within(defaultLimitMs, what, this.#arrived.promise)
    }
  }

  #notify(): void {
    this.#arrived.resolve()
    this.#arrived = Promise.withResolvers()
  }
}

/** Sends one GET request on a new connection. @returns the status, or `refused` when the handshake or reply failed */
export async function statusOver(
  options: TlsClientOptions,
  path: string,
  fields: Readonly<Record<string, string>> = {},
): Promise<number | 'refused'> {
  try {
    const client = await TlsClient.open(options)
    const { status } = await client.get(path, fields)
    client.socket.destroy()
    return status
  } catch {
    return 'refused'
  }
}
