import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { BenchIssuer } from '../harness/tokens.ts'
import { openWebSockets } from '../harness/websockets.ts'
import type { Outcomes } from './outcomes.ts'

export interface StreamTarget {
  readonly port: number
  readonly pid: number
  /** Port for HTTP/2 without TLS. */
  readonly http2Port: number
}

/** Number of clients of each kind per node. */
const CLIENTS = 4
/** Number of messages and events, one per second, after which a client closes its stream. */
const MESSAGES = 20
const MESSAGE_GAP_MS = 1000
/** Longest wait for a message, an event or a reply, ms. */
const PATIENCE_MS = 10_000
const UPLOAD_BYTES = 256 * 1024
const UPLOAD_GAP_MS = 2000
/** Number of gRPC calls of a connection. */
const CALLS = 30
const CALL_GAP_MS = 1000
const CALL_PATH = '/bench.Orders/Get'
/** gRPC message in both directions: the prefix of five bytes, then six bytes. */
export const CALL_MESSAGE = Buffer.from('\0\0\0\0\x06order1', 'latin1')

/** Runs WebSockets, event streams, uploads and gRPC connections at a node until `isOver` returns true. */
export async function runStreamClients(
  target: StreamTarget,
  issuer: BenchIssuer,
  outcomes: Outcomes,
  isOver: () => boolean,
): Promise<void> {
  const kinds = { websocket: echoMessages, 'event stream': readEvents, upload, grpc: call } as const
  const repeat = async (action: string, client: (typeof kinds)[keyof typeof kinds], user: number): Promise<void> => {
    // Clients of a kind start one after the other, so that their streams do not end at the same time.
    await sleep((user * MESSAGES * MESSAGE_GAP_MS) / CLIENTS)
    while (!isOver()) {
      const authorization = `Bearer ${await issuer.token(user)}`
      await outcomes.attempt(action, () => client(target, authorization, isOver))
      await sleep(100)
    }
  }
  await Promise.all(
    Object.entries(kinds).flatMap(([action, client]) =>
      Array.from({ length: CLIENTS }, (_, user) => repeat(action, client, user)),
    ),
  )
}

async function echoMessages(target: StreamTarget, authorization: string, isOver: () => boolean): Promise<void> {
  const [socket] = (await openWebSockets(target, 1, [authorization])) as [WebSocket]
  try {
    for (let n = 0; n < MESSAGES && !isOver(); n++) {
      socket.send(`message ${n}`)
      await once(socket, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) })
      await sleep(MESSAGE_GAP_MS)
    }
    if (socket.readyState !== WebSocket.OPEN) throw new Error('closed by the gate')
  } finally {
    socket.close()
  }
}

async function readEvents({ port }: StreamTarget, authorization: string, isOver: () => boolean): Promise<void> {
  const response = await ask({ port, path: '/events', headers: { authorization } })
  let events = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    events += String(chunk).split('\n\n').length - 1
    // Leaving the loop closes the connection.
    if (events >= MESSAGES || isOver()) return
  }
  throw new Error('ended by the gate')
}

async function upload({ port }: StreamTarget, authorization: string): Promise<void> {
  const body = Buffer.alloc(UPLOAD_BYTES, 'x')
  const headers = { authorization, 'content-length': body.length }
  const response = await ask({ port, path: '/up', method: 'POST', headers }, body)
  response.resume()
  await once(response, 'end')
  await sleep(UPLOAD_GAP_MS)
}

/** Sends a request on a new connection. @throws {Error} when the status is not 200 */
async function ask(options: RequestOptions, body?: Buffer): Promise<IncomingMessage> {
  const request = httpRequest({ host: '127.0.0.1', agent: false, ...options })
  request.end(body)
  const [response] = (await once(request, 'response', { signal: AbortSignal.timeout(PATIENCE_MS) })) as [
    IncomingMessage,
  ]
  if (response.statusCode === 200) return response
  response.destroy()
  throw new Error(`status ${response.statusCode}`)
}

async function call({ http2Port }: StreamTarget, authorization: string, isOver: () => boolean): Promise<void> {
  const session = connectHttp2(`http://127.0.0.1:${http2Port}`)
  session.on('error', () => undefined)
  try {
    for (let n = 0; n < CALLS && !isOver(); n++) {
      const stream = session.request({
        ':method': 'POST',
        ':path': CALL_PATH,
        'content-type': 'application/grpc',
        te: 'trailers',
        authorization,
      })
      let status: unknown
      stream.on('response', (fields) => (status ??= fields['grpc-status']))
      stream.on('trailers', (fields) => (status ??= fields['grpc-status']))
      stream.end(CALL_MESSAGE)
      stream.resume()
      await once(stream, 'end', { signal: AbortSignal.timeout(PATIENCE_MS) })
      if (String(status) !== '0') throw new Error(`grpc-status ${String(status)}`)
      await sleep(CALL_GAP_MS)
    }
  } finally {
    session.close()
  }
}
