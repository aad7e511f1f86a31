import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { atEnd } from './cleanup.ts'
import { RecordedSocket } from './recorded-socket.ts'

interface WebSocketRequest {
  readonly token?: string
  readonly host?: string
  readonly origin?: string
  readonly protocols?: readonly string[]
  readonly fields?: Readonly<Record<string, string>>
  /** Connects with TLS, and trusts this certificate, in PEM, for `host`. Default: plain TCP. */
  readonly certificate?: string
}

/** A WebSocket of a client, by the `ws` package, and the fields of its 101. */
export interface OpenedSocket extends RecordedSocket {
  readonly reply: IncomingMessage
}

/** The reply to a handshake that opened no WebSocket. */
export interface RefusedHandshake {
  readonly status: number
  readonly fields: IncomingMessage['headers']
  readonly body: string
}

function handshake(port: number, target: string, asked: WebSocketRequest): WebSocket {
  const { token, host = 'api.test', origin, protocols = [], fields, certificate } = asked
  const scheme = certificate === undefined ? 'ws' : 'wss'
  const ws = new WebSocket(`${scheme}://127.0.0.1:${port}${target}`, [...protocols], {
    ...(certificate !== undefined && { ca: certificate, servername: host }),
    ...(origin !== undefined && { origin }),
    headers: { host, ...(token !== undefined && { authorization: `Bearer ${token}` }), ...fields },
  })
  atEnd(() => ws.terminate())
  ws.on('error', () => undefined)
  return ws
}

/** Opens a WebSocket. @throws {Error} when the handshake fails */
export async function openSocket(port: number, target: string, asked: WebSocketRequest = {}): Promise<OpenedSocket> {
  const ws = handshake(port, target, asked)
  const socket = new RecordedSocket(ws)
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    let head: IncomingMessage | undefined
    ws.once('upgrade', (response) => {
      head = response
    })
    ws.once('open', () => resolve(head!))
    ws.once('unexpected-response', (_, { statusCode }) => reject(new Error(`the handshake got ${statusCode}`)))
    ws.once('error', reject)
  })
  return Object.assign(socket, { reply })
}

/** Attempts a handshake that opens no WebSocket. @throws {Error} when it does, or when there is no reply */
export async function refusedSocket(
  port: number,
  target: string,
  asked: WebSocketRequest = {},
): Promise<RefusedHandshake> {
  const ws = handshake(port, target, asked)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    ws.once('open', () => reject(new Error('the handshake opened a WebSocket')))
    ws.once('unexpected-response', (_, reply) => resolve(reply))
    ws.once('error', reject)
  })
  let body = ''
  for await (const chunk of response) body += chunk
  return { status: response.statusCode!, fields: response.headers, body }
}
