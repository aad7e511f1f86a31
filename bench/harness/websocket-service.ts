import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

/** WebSocket service that returns each message, run as a separate process. */
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
server.on('listening', () => process.send?.((server.address() as AddressInfo).port))
server.on('connection', (socket) => {
  socket.on('error', () => undefined)
  socket.on('message', (data, binary) => socket.send(data, { binary }))
})
process.once('disconnect', () => process.exit(0))
