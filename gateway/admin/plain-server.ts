import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ListenError } from '../base/listen-error.ts'
import type { ListenAddress } from '../config/listener.ts'

/** A reply, whole. */
export interface PlainReply {
  readonly status: number
  readonly type: string
  readonly body: string
  /** Takes the reply over after its head: it has no end of its own. */
  readonly stream?: (response: ServerResponse) => Promise<void>
  readonly fields?: Readonly<Record<string, string>>
  /** The connection ends with it: what is left of the request is not read. */
  readonly close?: boolean
}

export type PlainHandler = (request: IncomingMessage) => PlainReply | Promise<PlainReply>

/** For a head, and for a whole request. */
const REQUEST_MS = 10_000
const CONNECTIONS_MAX = 256

/** A node:http server within bounds, for operators and their tools: few callers, small documents, nothing cached. */
export class PlainServer {
  readonly #server: Server
  readonly port: number

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  /**
   * @param setting  the one that names the address
   * @throws {ListenError} when the address cannot be listened on
   */
  static async listen(setting: string, address: ListenAddress, handler: PlainHandler): Promise<PlainServer> {
    const server = createServer(
      { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: 1000 },
      (request, response) => void answer(handler, request, response),
    )
    server.maxConnections = CONNECTIONS_MAX
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(ListenError.of(setting, address, cause)))
      server.listen(address.port, address.host, resolve)
    })
    return new PlainServer(server)
  }

  /** Ends every connection, whatever is under way. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}

async function answer(handler: PlainHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, type, body, stream, fields, close = false } = await handler(request)
  if (close) response.shouldKeepAlive = false
  else request.resume()
  response.writeHead(status, {
    'content-type': type,
    ...(stream === undefined && { 'content-length': Buffer.byteLength(body) }),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...fields,
  })
  if (stream === undefined || request.method === 'HEAD') return void response.end(body)
  response.flushHeaders()
  await stream(response)
}

const text = 'text/plain; charset=utf-8'

export function textReply(status: number, line: string, fields?: Readonly<Record<string, string>>): PlainReply {
  return { status, type: text, body: `${line}\n`, ...(fields && { fields }) }
}
