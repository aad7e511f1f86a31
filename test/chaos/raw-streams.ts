import { createServer, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { atEnd } from '../kit/cleanup.ts'
import { listen } from '../kit/ports.ts'
import { acceptOf, frameBytes, sampleKey } from '../kit/websocket-wire.ts'

export type RawKind = 'websocket' | 'events' | 'download'

export const rawKinds: readonly RawKind[] = ['websocket', 'events', 'download']

/** How a stream ended: the close code of a WebSocket, a complete reply, or a broken connection. */
type Ending = number | 'complete' | 'broken'

const LAST_CHUNK = '\r\n0\r\n\r\n'
const CLOSE_FRAME = 0x88

/** One stream of a client on its own connection, with little memory, so that a process can have thousands. */
export class RawStream {
  readonly kind: RawKind
  readonly socket: Socket
  /** Monotonic time of the end, ms; `undefined` while the stream is open. */
  endedAt: number | undefined
  ending: Ending | undefined
  /** Bytes after the head, except those of the end. */
  bytes = 0

  constructor(kind: RawKind, socket: Socket) {
    this.kind = kind
    this.socket = socket
    socket.on('data', (data: Buffer) => this.#receive(data))
    socket.on('close', () => this.#end('broken'))
  }

  #receive(data: Buffer): void {
    if (this.kind === 'websocket' && data[0] === CLOSE_FRAME) this.#end(data.readUInt16BE(2))
    else if (this.kind === 'events' && data.toString('latin1').endsWith(LAST_CHUNK)) this.#end('complete')
    else this.bytes += data.length
  }

  #end(how: Ending): void {
    if (this.endedAt !== undefined) return
    this.endedAt = performance.now()
    this.ending = how
    this.socket.destroy()
  }

  close(): void {
    this.socket.destroy()
  }
}

/**
 * Opens a stream at a node.
 *
 * @param fields  header lines of the request, such as `Authorization`
 * @throws {Error} when the reply is not the begin of such a stream
 */
export async function openRaw(port: number, kind: RawKind, fields: readonly string[]): Promise<RawStream> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => undefined)
  const upgrade = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${sampleKey}`]
  const lines = kind === 'websocket' ? [...fields, ...upgrade, 'Sec-WebSocket-Version: 13'] : fields
  socket.write(`GET /live/${kind} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
  const begun = kind === 'websocket' ? '\r\n\r\n' : 'begun\n\n'
  const head = await new Promise<string>((resolve) => {
    let text = ''
    const read = (data: Buffer): void => {
      text += data.toString('latin1')
      if (!text.includes(begun) && !/^HTTP\/1\.1 [345]/.test(text)) return
      socket.off('data', read)
      resolve(text)
    }
    socket.on('data', read)
    socket.once('close', () => resolve(text))
  })
  const expected = kind === 'websocket' ? 101 : 200
  if (!head.startsWith(`HTTP/1.1 ${expected} `)) throw new Error(`no ${kind}: ${head.slice(0, 300)}`)
  return new RawStream(kind, socket)
}

/** A service with streams of each kind at `/live/<kind>`. It sends nothing after their begin, unless a test does. */
export class RawService {
  readonly url: string
  readonly replies: ServerResponse[] = []
  readonly sockets: Duplex[] = []

  private constructor(url: string) {
    this.url = url
  }

  static async start(): Promise<RawService> {
    const server = createServer((request, response) => {
      const [, kind] = /^\/live\/(events|download)/.exec(request.url ?? '') ?? []
      if (kind === undefined) {
        response.end('ok')
        return
      }
      response.writeHead(200, { 'content-type': kind === 'events' ? 'text/event-stream' : 'application/octet-stream' })
      response.write('data: begun\n\n')
      service.replies.push(response)
    })
    server.on('upgrade', (request, socket) => {
      socket.on('error', () => undefined)
      const accept = acceptOf(Buffer.from(`Sec-WebSocket-Key: ${request.headers['sec-websocket-key']}\r\n`))
      const lines = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
      socket.resume()
      service.sockets.push(socket)
    })
    const service = new RawService(`http://127.0.0.1:${await listen(server)}`)
    atEnd(() => {
      for (const socket of service.sockets) socket.destroy()
      server.closeAllConnections()
      server.close()
    })
    return service
  }

  /** Sends one message, event or chunk on every open stream. @returns the number of streams */
  sendToAll(text: string): number {
    const frame = frameBytes({ opcode: 1, data: text, masked: false })
    const sockets = this.sockets.filter((socket) => socket.writable)
    const replies = this.replies.filter((reply) => reply.writable && !reply.destroyed)
    for (const socket of sockets) socket.write(frame)
    for (const reply of replies) reply.write(`data: ${text}\n\n`)
    return sockets.length + replies.length
  }
}
