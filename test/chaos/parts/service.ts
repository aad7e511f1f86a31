// A protected service of the chaos matrix, in its own process: `node service.ts PORT`. It reports each request and each
// WebSocket message to the process that started it, before it replies.

import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import type { ServiceReport } from './reports.ts'

/** Pause between two events or messages of the service, ms. */
const PAUSE_MS = 200

const report = (message: ServiceReport): void => void process.send?.(message)
const stamp = (): string => JSON.stringify({ sentMs: Date.now() })

const server = createServer((request, response) => {
  const path = request.url ?? ''
  report({ kind: 'request', id: String(request.headers['x-request-id']), path, atMs: Date.now() })
  request.resume()
  if (!path.startsWith('/events/')) {
    response.setHeader('content-type', 'application/json')
    response.end(stamp())
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const timer = setInterval(() => response.write(`data: ${stamp()}\n\n`), PAUSE_MS)
  response.write(`data: ${stamp()}\n\n`)
  response.on('close', () => clearInterval(timer))
})
const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', (request, socket, head) => {
  const path = request.url ?? ''
  report({ kind: 'request', id: String(request.headers['x-request-id']), path, atMs: Date.now() })
  sockets.handleUpgrade(request, socket, head, (opened) => {
    const timer = setInterval(() => opened.send(stamp()), PAUSE_MS)
    opened.on('error', () => undefined)
    opened.on('close', () => clearInterval(timer))
    opened.on('message', (text) => report({ kind: 'message', path, ...JSON.parse(String(text)) }))
  })
})
server.listen(Number(process.argv[2]), '127.0.0.1', () => report({ kind: 'ready' }))
