import { createServer, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'
import { RecordedSocket } from './recorded-socket.ts'
import { until } from './until.ts'

interface WebSocketServiceOptions {
  /** Whether the service sends each message back. Default true. */
  readonly echo?: boolean
  /** Selects a subprotocol. Default: the first one that is offered. */
  readonly select?: (offered: readonly string[]) => string | undefined
  /** Answers the handshakes of these paths in another way. */
  readonly answer?: (request: IncomingMessage, socket: Duplex) => boolean
}

/** A WebSocket that the service accepted, and its handshake. */
export interface ServiceSocket extends RecordedSocket {
  readonly request: IncomingMessage
}

/** A service that accepts WebSockets, by the `ws` package. */
export class WebSocketService {
  readonly url: string
  readonly sockets: ServiceSocket[] = []
  /** Number of handshakes whose replies `hold` delays. */
  held = 0
  #released: Promise<void> = Promise.resolve()

  private constructor(url: string) {
    this.url = url
  }

  static async start({ echo = true, select, answer }: WebSocketServiceOptions = {}): Promise<WebSocketService> {
    const accepting = new WebSocketServer({
      noServer: true,
      ...(select && { handleProtocols: (offered: Set<string>) => select([...offered]) ?? false }),
    })
    const server = createServer((_, response) => response.end('over HTTP'))
    const port = await listen(server)
    const service = new WebSocketService(`http://127.0.0.1:${port}`)
    server.on('upgrade', async (request, socket, head) => {
      socket.on('error', () => undefined)
      if (answer?.(request, socket) === true) return
      service.held++
      await service.#released
      service.held--
      accepting.handleUpgrade(request, socket, head, (ws: WebSocket) => {
        service.sockets.push(Object.assign(new RecordedSocket(ws), { request }))
        if (echo) ws.on('message', (data, binary) => ws.send(data, { binary }))
      })
    })
    atEnd(() => {
      for (const { ws } of service.sockets) ws.terminate()
      server.closeAllConnections()
      server.close()
    })
    return service
  }

  /** Makes the service delay its replies to the next handshakes. @returns a function that ends the delay */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#released = promise
    return () => {
      resolve()
      this.#released = Promise.resolve()
    }
  }

  /** The WebSocket of the handshake with this request target. */
  async socketAt(target: string): Promise<ServiceSocket> {
    const find = () => this.sockets.findLast(({ request }) => request.url === target)
    await until(`a WebSocket at ${target}`, () => find() !== undefined)
    return find()!
  }
}
