import { once } from 'node:events'
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { atEnd } from './cleanup.ts'

/** A request that a service has received. */
export interface ServiceStream {
  readonly stream: ServerHttp2Stream
  readonly head: IncomingHttpHeaders
  /** Fields as on the wire, alternating names and values. */
  readonly list: readonly string[]
  /** The connection that the request came on: 0 for the first one. */
  readonly session: number
}

export interface Http2ServiceOptions {
  /** Options of node:http2, such as limits of resets. */
  readonly server?: ServerOptions & SecureServerOptions
  readonly onStream: (received: ServiceStream) => void
}

/** A service that speaks HTTP/2 (node:http2): without TLS, or with a certificate. */
export class Http2Service {
  readonly url: string
  readonly sessions: ServerHttp2Session[] = []
  readonly received: ServiceStream[] = []
  readonly #server: Http2Server

  private constructor(server: Http2Server, scheme: string) {
    this.#server = server
    this.url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start({ server: options = {}, onStream }: Http2ServiceOptions): Promise<Http2Service> {
    const isSecure = options.cert !== undefined
    const server = isSecure ? createSecureServer(options) : createServer(options)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const service = new Http2Service(server, isSecure ? 'https' : 'http')
    server.on('sessionError', () => undefined)
    server.on('session', (session: ServerHttp2Session) => {
      const index = service.sessions.push(session) - 1
      session.on('error', () => undefined)
      session.on('stream', (stream, head, _, list: readonly string[]) => {
        stream.on('error', () => undefined)
        const received = { stream, head, list, session: index }
        service.received.push(received)
        onStream(received)
      })
    })
    atEnd(() => service.stop())
    return service
  }

  /** Closes the service and its connections. */
  stop(): void {
    this.#server.close()
    for (const session of this.sessions) session.destroy()
  }
}

/** Reads a request body until its end. */
export async function bodyOf(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
