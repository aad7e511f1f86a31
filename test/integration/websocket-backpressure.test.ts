import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNodeProcess } from '../kit/node.ts'
import { until } from '../kit/until.ts'
import { openSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'
import { residentMiB } from './data-plane-node.ts'

// Slow readers of WebSocket messages, on both sides: the other side is paused, memory is bounded, and nothing is lost.

const issuer = await startIssuer()
const service = await WebSocketService.start({ echo: false })
const node = await startNodeProcess({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience], clock_tolerance: '0s' } },
    services: {
      s: {
        upstreams: [service.url],
        routes: [
          { id: 'open', match: { path: '/open/**' }, require: 'public', websocket: {} },
          { id: 'live', match: { path: '/live/**' }, require: { scopes: { all: ['live'] } }, websocket: {} },
        ],
      },
    },
  },
  settings: { log: { access: true, format: 'json' }, request: { idle: '8s' } },
})
const recordOf = (path: string) => node.waitForRecord((record) => record['path'] === path)

const SIZE = 256 * 1024
const COUNT = 200
/** Maximum memory of one slow WebSocket besides its messages, MiB: buffers that the process keeps. */
const MOST_MIB = 64

/** A message that starts with its number. */
function numbered(i: number): Buffer {
  const message = Buffer.alloc(SIZE, 'x')
  message.writeUInt32BE(i)
  return message
}

const numbersOf = (messages: readonly (string | Buffer)[]) =>
  messages.map((message) => [(message as Buffer).readUInt32BE(), message.length])
const allNumbers = Array.from({ length: COUNT }, (_, i) => [i, SIZE])

async function open(path: string, asked: object = {}) {
  const client = await openSocket(node.port, path, asked)
  return { client, served: await service.socketAt(path) }
}

test('while a client does not read its WebSocket, the gate stops reading from the service; when the client reads, it gets every message in order', async () => {
  const { client, served } = await open('/open/slow-client')
  const before = residentMiB(node)
  client.ws.pause()
  for (let i = 0; i < COUNT; i++) served.ws.send(numbered(i))
  let unsent = -1
  await until('the service is paused', () => {
    const same = served.ws.bufferedAmount === unsent && unsent > 0
    unsent = served.ws.bufferedAmount
    return same
  })
  expect(residentMiB(node) - before).toBeLessThan(MOST_MIB)
  const other = await open('/open/beside-1')
  other.served.ws.send('hello')
  expect(await other.client.received(1)).toEqual(['hello'])

  client.ws.resume()
  served.ws.close(1000, 'all')
  expect(await client.ended()).toEqual([1000, 'all'])
  expect(numbersOf(client.messages)).toEqual(allNumbers)
  expect((await recordOf('/open/slow-client'))['messages_out']).toBe(COUNT)
  other.client.ws.close()
})

test('while a service does not read its WebSocket, the gate stops reading from the client; when the service reads, it gets every message in order', async () => {
  const { client, served } = await open('/open/slow-service')
  const before = residentMiB(node)
  served.ws.pause()
  for (let i = 0; i < COUNT; i++) client.ws.send(numbered(i))
  client.ws.close(1000, 'all')
  let sent = -1
  await until('the client is paused, or has sent everything', () => {
    const same = client.ws.bufferedAmount === sent
    sent = client.ws.bufferedAmount
    return same
  })
  expect(residentMiB(node) - before).toBeLessThan(MOST_MIB)
  const other = await open('/open/beside-2')
  other.client.ws.send('hello')
  expect(await other.served.received(1)).toEqual(['hello'])

  served.ws.resume()
  expect(await served.ended()).toEqual([1000, 'all'])
  expect(numbersOf(served.messages)).toEqual(allNumbers)
  other.client.ws.close()
})

test('the gate ends both connections of a WebSocket whose client reads nothing for request.idle', async () => {
  const { client, served } = await open('/open/stalled')
  client.ws.pause()
  for (let i = 0; i < COUNT; i++) served.ws.send(numbered(i))

  expect((await recordOf('/open/stalled'))['reason']).toBe('reader-stalled')
  expect((await served.ended())[0]).toBe(1006)
})

test('a WebSocket whose token expires while its client does not read ends without further messages', async () => {
  const expS = Math.floor(Date.now() / 1000) + 4
  const token = issuer.sign({ claims: { scope: 'live', exp: expS } })
  const { client, served } = await open('/live/slow', { token })
  client.ws.pause()
  for (let i = 0; i < COUNT; i++) served.ws.send(numbered(i))

  const record = await recordOf('/live/slow')
  expect(record).toMatchObject({ reason: 'stream-ended', stream_end: 'token-expired', close_code: 4401 })
  client.ws.resume()
  await client.ended()
  expect(client.messages.length).toBeLessThanOrEqual(record['messages_out'] as number)
  expect(client.messages.length).toBeLessThan(COUNT)
})
