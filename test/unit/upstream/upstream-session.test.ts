import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { Http2Target } from '../../../gateway/upstream/http2/http2-target.ts'
import { type SessionKeeper, UpstreamSession } from '../../../gateway/upstream/http2/upstream-session.ts'
import { Sweep } from '../../../gateway/upstream/sweep.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { frame, frameType, literals } from '../../kit/http2-frames.ts'
import { until } from '../../kit/until.ts'
import { send } from './call-log.ts'

// Ends of sessions to a service with HTTP/2, whose frames the tests send byte for byte.

const settings = Buffer.concat([frame(frameType.settings, 0, 0), frame(frameType.settings, 1, 0)])
/** DATA without a stream: a connection error (RFC 9113 §6.1). */
const connectionError = frame(frameType.data, 0, 0, Buffer.alloc(3))
const ok = frame(frameType.headers, 5, 1, literals([[':status', '200']]))

/** A service that calls `onRequest` for the first HEADERS frame of each connection. It closes no connection itself. */
async function rawService(onRequest: (socket: Socket, connection: number) => void) {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = sockets.push(socket) - 1
    let bytes = Buffer.alloc(0)
    let isAnswered = false
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      if (isAnswered || !hasHeaders(bytes)) return
      isAnswered = true
      onRequest(socket, connection)
    })
    socket.write(settings)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { sockets, port: (server.address() as AddressInfo).port }
}

/** Whether the bytes of a client contain a HEADERS frame. */
function hasHeaders(bytes: Buffer): boolean {
  let at = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.length
  while (at + 9 <= bytes.length && bytes[at + 3] !== frameType.headers) at += 9 + bytes.readUIntBE(at, 3)
  return at + 9 <= bytes.length
}

test('an HTTP/2 session (connection) to a service that is closed after its idle time no longer counts, so another session can be opened', async () => {
  const { port } = await rawService(() => undefined)
  const sweep = new Sweep()
  const retired: UpstreamSession[] = []
  let closed = 0
  const keeper: SessionKeeper = {
    origin: `http://127.0.0.1:${port}`,
    text: `http://127.0.0.1:${port}`,
    address: { host: '127.0.0.1', port },
    tls: undefined,
    connectMs: 5000,
    sweep,
    isOpen: true,
    presented: () => undefined,
    unreachable: () => undefined,
    answered: () => undefined,
    retired: (session) => retired.push(session),
    reassign: () => undefined,
    closed: () => closed++,
  }
  const session = new UpstreamSession(keeper, undefined)
  await until('the SETTINGS of the service', () => session.isOpen)

  session.sweep(sweep.after(61_000))

  expect(retired).toEqual([session])
  expect(session.hasRoom).toBe(false)
  await until('the end of the connection', () => closed === 1)
  expect(retired).toHaveLength(1)
})

test('after an HTTP/2 connection error of the service, the next call uses a new connection', async () => {
  const { port, sockets } = await rawService((socket, connection) =>
    socket.write(connection === 0 ? connectionError : ok),
  )
  const target = new Http2Target(new URL(`http://127.0.0.1:${port}`), 5000, 1024)

  const failed = send(target)
  await failed.over()
  const log = send(target)
  await log.over()

  expect(failed.events).toEqual(['fault'])
  expect(log.events).toEqual(['head', 'end'])
  expect(sockets).toHaveLength(2)
  target.close()
})
