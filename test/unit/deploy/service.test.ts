// A demo service replies with a description of each request, and the query can ask for a status, a delay, a size or an
// abort.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { callHttp } from '../../../deploy/demo/http-call.ts'
import { block, repeatedBlock } from '../../../deploy/demo/send-bytes.ts'
import { demoService } from '../../../deploy/demo/service.ts'
import { RecordedSocket } from '../../kit/recorded-socket.ts'

const server = demoService('orders')
let port = 0

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  port = (server.address() as AddressInfo).port
})

afterAll(() => {
  server.close()
  server.closeAllConnections()
})

test('the demo service replies with the received header fields as on the wire, and with the length and hash of the body', async () => {
  const body = Buffer.from('tea')
  const fields = { 'X-B': '1', 'x-a': ['2', '3'] }
  const reply = await callHttp({ method: 'POST', target: '/orders?x=%2F', port, fields, body })
  const { headers, ...rest } = JSON.parse(reply.body.toString())

  const named = { service: 'orders', method: 'POST', url: '/orders?x=%2F' }
  expect(rest).toEqual({ ...named, body: { bytes: 3, sha256: createHash('sha256').update(body).digest('hex') } })
  expect(headers.slice(0, 3)).toEqual([
    ['X-B', '1'],
    ['x-a', '2'],
    ['x-a', '3'],
  ])
})

test('the demo service replies to a browser at /app/ with a page that shows the escaped claims of the assertion', async () => {
  const claims = Buffer.from(JSON.stringify({ sub: 'alice', name: '<b>' })).toString('base64url')
  const fields = { Accept: 'text/html', 'X-Gatehouse-Jwt-Assertion': `e30.${claims}.` }
  const reply = await callHttp({ method: 'GET', target: '/app/', port, fields })

  expect(reply.field('content-type')).toBe('text/html; charset=utf-8')
  const page = reply.body.toString()
  expect(page).toContain('You are <b>alice</b>')
  expect(page).toContain('&#34;name&#34;: &#34;&#60;b&#62;&#34;')
  expect(page).toContain('<a href="/.gatehouse/logout">Log out</a>')
})

test('the demo service prints indented JSON, a header field per line, with the claims of the assertion decoded', async () => {
  const claims = Buffer.from(JSON.stringify({ sub: 'alice' })).toString('base64url')
  const reply = await callHttp({
    method: 'GET',
    target: '/',
    port,
    fields: { 'X-Gatehouse-Jwt-Assertion': `e30.${claims}.` },
  })
  const text = reply.body.toString()

  expect(text).toContain('\n    ["X-Gatehouse-Jwt-Assertion", "e30.')
  expect(text).toContain('\n  "assertion": {\n    "sub": "alice"\n  }\n}\n')
})

test('the demo service ignores an assertion that is no JWT', async () => {
  const reply = await callHttp({ method: 'GET', target: '/', port, fields: { 'X-Gatehouse-Jwt-Assertion': 'x.y' } })

  expect(reply.status).toBe(200)
  expect(JSON.parse(reply.body.toString())).not.toHaveProperty('assertion')
})

test('the demo service reports the length of a chunked body', async () => {
  const body = Readable.from(repeatedBlock(200_000))
  const reply = await callHttp({ method: 'PUT', target: '/orders', port, body })

  expect(JSON.parse(reply.body.toString()).body.bytes).toBe(200_000)
})

test.each([
  { method: 'GET', query: 'status=204', status: 204, bytes: 0, length: undefined },
  { method: 'GET', query: 'status=503', status: 503, bytes: 'some', length: 'some' },
  { method: 'GET', query: 'status=304', status: 304, bytes: 0, length: 'some' },
  { method: 'HEAD', query: '', status: 200, bytes: 0, length: 'some' },
  { method: 'HEAD', query: 'bytes=70000', status: 200, bytes: 0, length: '70000' },
  { method: 'GET', query: 'bytes=70000', status: 200, bytes: 70_000, length: '70000' },
  { method: 'GET', query: 'bytes=0', status: 200, bytes: 0, length: '0' },
  { method: 'GET', query: 'status=99', status: 400, bytes: 'some', length: 'some' },
  { method: 'GET', query: 'delay=soon', status: 400, bytes: 'some', length: 'some' },
])(
  'the demo service replies to $method ?$query with $status and $bytes bytes',
  async ({ method, query, status, bytes, length }) => {
    const reply = await callHttp({ method, target: `/orders?${query}`, port })

    expect(reply.status).toBe(status)
    if (bytes === 'some') expect(reply.body.length).toBeGreaterThan(0)
    else expect(reply.body.length).toBe(bytes)
    if (length === 'some') expect(Number(reply.field('content-length'))).toBeGreaterThan(0)
    else expect(reply.field('content-length')).toBe(length)
  },
)

test('the demo service replies to /files/bytes/150000 with 150,000 bytes of its repeated block', async () => {
  const { body } = await callHttp({ method: 'GET', target: '/files/bytes/150000', port })

  expect(body.subarray(0, block.length).equals(block)).toBe(true)
  expect(body.equals(Buffer.concat([...repeatedBlock(150_000)]))).toBe(true)
})

test.each(['bytes=200000&abort_after=100000', 'abort_after=10'])(
  'the demo service aborts its reply for the query ?%s',
  async (query) => {
    await expect(callHttp({ method: 'GET', target: `/orders?${query}`, port })).rejects.toThrow('aborted')
  },
)

async function openEcho(): Promise<RecordedSocket> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/stream/ws?x=1`, { maxPayload: 4 << 20 })
  const socket = new RecordedSocket(ws)
  await once(ws, 'open')
  return socket
}

test('the WebSocket of the demo service sends back text, binary and fragmented messages of every length form', async () => {
  const socket = await openEcho()
  const sent = ['', 'tea', 'a'.repeat(125), 'b'.repeat(126), Buffer.alloc(65_536, 1), Buffer.alloc(1 << 20, 2)]
  for (const message of sent) socket.ws.send(message)
  socket.ws.send('in ', { fin: false })
  socket.ws.send('two', { fin: true })

  const received = await socket.received(sent.length + 1)
  // Buffer.equals, because comparing a large buffer item by item takes seconds.
  expect(received.map((each, i) => Buffer.from(each).equals(Buffer.from(sent[i] ?? 'in two')))).toEqual(
    received.map(() => true),
  )
  socket.ws.close(4000, 'done')
  expect(await socket.ended()).toEqual([4000, 'done'])
})

test('the WebSocket of the demo service answers a ping with the same payload', async () => {
  const { ws } = await openEcho()
  ws.ping('x')

  expect(String((await once(ws, 'pong'))[0])).toBe('x')
  ws.terminate()
})

test('the WebSocket of the demo service closes the connection for a message above 1 MiB', async () => {
  const socket = await openEcho()
  socket.ws.send(Buffer.alloc((1 << 20) + 1))

  expect((await socket.ended())[0]).toBe(1006)
})

test('the demo service closes a WebSocket connection for a frame without a mask', async () => {
  const wire = connect(port, '127.0.0.1')
  wire.write('GET /stream/ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n')
  // Key and accept value are the example of RFC 6455 §1.3.
  wire.write('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
  const [head] = await once(wire, 'data')
  expect(String(head)).toContain('\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n')
  wire.write(Buffer.from([0x81, 0x01, 0x61]))

  await once(wire, 'close')
})
