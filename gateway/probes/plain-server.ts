import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ListenError } from '../base/listen-error.ts'
import { nodeHttp } from '../base/node-http.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { ListenAddress } from '../config/listen-address.ts'
import { ConnectionSlots } from './connection-slots.ts'

const { createServer } = nodeHttp

/** Header fields of a reply; a list of values is sent as several fields of this name. */
type ReplyFields = Readonly<Record<string, string | readonly string[]>>

/** A complete reply of a handler. */
export interface PlainReply {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly fields?: ReplyFields
}

/**
 * A handler whose reply another framework sends. The connection limits and the fixed header fields of this server still
 * apply. The framework must call `limitReplyTime` for each complete reply.
 */
export interface OwnReply {
  readonly send: (request: IncomingMessage, response: ServerResponse) => void
}

type AnyReply = PlainReply | OwnReply

export type PlainHandler = (request: IncomingMessage) => AnyReply | Promise<AnyReply>

export interface PlainServerOptions {
  /** Maximum time for a client to read a complete reply, ms. Default 10 s. */
  readonly replyMs?: number
}

/** Maximum time in which a client of the server must send a request head, ms. */
const HEAD_MS = 2000
/** Maximum time in which a client of the server must send a complete request, ms. */
const REQUEST_MS = 10_000
const REPLY_MS = 10_000
/** Interval at which the time limits of request heads and requests are checked, ms. */
const CHECK_MS = 500
/**
 * Maximum numbers of connections to one server: in all, from one peer address, and kept free for /livez. Metrics
 * collectors, orchestrators and operators need a few each.
 */
const slotLimits = { total: 256, perPeer: 64, reserve: 16 }

/**
 * The only path that the server serves on the `reserve` connections (see `slotLimits`), so that an orchestrator gets a
 * reply of /livez even when clients use all other connections.
 */
const LIVENESS = '/livez'

/** Header fields that every reply of the probe listener and the admin listener has. */
const fixedFields = [
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
] as const

const replies = new Supervisor('admin-replies')

/**
 * A node:http server for operators and their tools, with limits on connections and times. Replies must not be cached.
 */
export class PlainServer {
  readonly #server: Server
  readonly port: number

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  /**
   * Opens the server.
   *
   * @param setting  path of the setting that contains the address, for error messages
   * @throws {ListenError} when the server cannot listen on the address
   */
  static async listen(
    setting: string,
    address: ListenAddress,
    handler: PlainHandler,
    { replyMs = REPLY_MS }: PlainServerOptions = {},
  ): Promise<PlainServer> {
    const slots = new ConnectionSlots(slotLimits)
    const server = createServer(
      { headersTimeout: HEAD_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: CHECK_MS },
      (request, response) => {
        const { socket } = request
        const reserved = slots.began(socket)
        if (reserved === undefined) return
        response.once('close', () => slots.ended(socket))
        const allowed = !reserved || request.url?.split('?', 1)[0] === LIVENESS
        const reply = () => answer(allowed ? handler : () => tooMany, request, response, { replyMs, last: reserved })
        void replies.attempt(() => orFail(reply, response))
      },
    )
    server.on('connection', (socket) => slots.open(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(ListenError.of(setting, address, cause)))
      server.listen(address.port, address.host, resolve)
    })
    return new PlainServer(server)
  }

  /** Stops listening and closes every connection immediately, including connections with a request in progress. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}

async function answer(
  handler: PlainHandler,
  request: IncomingMessage,
  response: ServerResponse,
  { replyMs, last }: { readonly replyMs: number; readonly last: boolean },
): Promise<void> {
  const reply = await handler(request)
  if (last) response.shouldKeepAlive = false
  for (const [name, value] of fixedFields) response.setHeader(name, value)
  if ('send' in reply) {
    reply.send(request, response)
    return
  }
  const { status, type, body, fields } = reply
  if (!last) request.resume()
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...fields })
  limitReplyTime(response, replyMs)
  response.end(body)
}

/**
 * Closes the connection of a client that does not read its reply within `ms`, because unread replies would fill the
 * memory.
 */
export function limitReplyTime(response: ServerResponse, ms = REPLY_MS): void {
  const late = setTimeout(() => response.destroy(), ms).unref()
  response.once('close', () => clearTimeout(late))
}

/** Runs a handler. A handler that throws has a bug: the client gets 500, and the supervisor logs the error. */
async function orFail(reply: () => Promise<void>, response: ServerResponse): Promise<void> {
  try {
    await reply()
  } catch (error) {
    fail(response)
    throw error
  }
}

function fail(response: ServerResponse): void {
  if (response.headersSent) response.destroy()
  else response.writeHead(500, { 'content-type': text, connection: 'close' }).end('internal error\n')
}

const text = 'text/plain; charset=utf-8'

export function textReply(status: number, line: string, fields?: ReplyFields): PlainReply {
  return { status, type: text, body: `${line}\n`, ...(fields && { fields }) }
}

const tooMany = textReply(503, 'too many connections', { 'retry-after': '1' })
