import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

/**
 * Service of the scenario `soak`, run as a separate process: returns each message of a WebSocket, sends an event per
 * second at `/events`, reads uploads at `/up`, and replies to other requests with a small document.
 */

const EVENT_GAP_MS = 1000

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://service')
  if (pathname === '/events') sendEvents(response)
  else if (pathname === '/up') takeBody(request, response)
  else reply(response, '{"service":"soak","items":[1,2,3,4,5,6,7,8,9,10]}')
})
// Idle connections of the gate stay open: the gate closes them itself.
server.keepAliveTimeout = 0
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', (socket) => {
  socket.on('error', () => undefined)
  socket.on('message', (data, binary) => socket.send(data, { binary }))
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  process.send!((server.address() as AddressInfo).port),
)
process.once('disconnect', () => process.exit(0))

function sendEvents(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (): void => void response.write(`data: ${Date.now()}\n\n`)
  send()
  const timer = setInterval(send, EVENT_GAP_MS)
  response.once('close', () => clearInterval(timer))
}

function takeBody(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0
  request.on('data', (chunk: Buffer) => (bytes += chunk.length))
  request.once('end', () => reply(response, JSON.stringify({ bytes })))
}

function reply(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
}
