import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { Http1Target } from '../../gateway/upstream/http1-target.ts'
import { called } from '../unit/upstream/call-log.ts'

// The gate sends requests at the end of a poll phase. Bytes that a service sends on an idle connection can arrive between
// the choice of that connection and the write of the request. They belong to an earlier exchange, or to none.

const sockets: Socket[] = []
let requests = ''
const server = createServer((socket) => {
  sockets.push(socket)
  socket.on('data', (bytes) => {
    requests += bytes.toString('latin1')
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  socket.on('error', () => undefined)
})
await once(server.listen(0, '127.0.0.1'), 'listening')
afterAll(() => server.close())

test('Bytes of a service that arrive before the request was sent are never the reply to that request', async () => {
  const { port } = server.address() as AddressInfo
  const target = new Http1Target(new URL(`http://127.0.0.1:${port}`), 1000, 1024)
  await called(target)
  // A timer runs before the poll phase that reads the bytes; the request is sent after that phase.
  const result = await new Promise<Awaited<ReturnType<typeof called>>>((resolve) => {
    setTimeout(() => {
      sockets[0]!.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
      void called(target).then(resolve)
    }, 0)
  })

  expect(result.events).toEqual(['fault'])
  expect(result.fault).toMatchObject({ reason: 'upstream-broken', retryable: true, unanswered: true })
  expect(requests.split('GET ').length - 1).toBe(1)
  expect((await called(target)).body).toBe('ok')
})
