import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { FrameClient, frame, frameType, getFields, headers, literals, uint32 } from '../kit/http2-frames.ts'
import { Http2Session } from '../kit/http2-session.ts'
import { startNode } from '../kit/node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// Plain HTTP/2 requests to HTTP/1.1 services (h2c): the same phases and the same refusals as on the HTTP/1.1 listener.

const held: ServerResponse[] = []
const upstream: TestUpstream = await startUpstream({
  handler: async (received, response) => {
    const { method, url, fields } = received
    if (url.startsWith('/s/events')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
      held.push(response)
    } else if (url === '/s/reset') response.writeHead(205, { 'content-length': '0' }).end()
    else if (url === '/s/empty') response.writeHead(204, { 'x-empty': '1' }).end()
    else if (url === '/s/known') response.writeHead(304, { etag: '"1"' }).end()
    else if (url === '/s/cookies') {
      response.setHeader('set-cookie', ['a=1; Path=/', 'b=2; Path=/'])
      response.setHeader('keep-alive', 'timeout=5')
      response.end('ok')
    } else if (url === '/s/cut') {
      response.writeHead(200, { 'content-length': '100' })
      response.write('part')
      setTimeout(() => response.destroy(), 20)
    } else if (url === '/s/cut-stream') {
      response.write('part')
      setTimeout(() => response.destroy(), 20)
    } else if (url === '/s/sized') {
      response.setHeader('content-length', '5')
      response.end('sized')
    } else if (url === '/s/large') response.end(large)
    else if (url === '/s/hangs') held.push(response)
    else {
      await received.over
      const { bodyBytes, sha256 } = received
      response.end(JSON.stringify({ method, url, fields, bodyBytes, sha256 }))
    }
  },
})
const large = Buffer.alloc(3_000_000, 'large body ')
const node = await startNode({
  policy: publicPolicy({
    s: { upstreams: [upstream.url] },
    small: { upstreams: [upstream.url], route: { body: { max: '1KiB' } } },
  }),
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false } },
})
const client = new Http2Session(node.http2Port)

interface Echo {
  readonly method: string
  readonly url: string
  readonly fields: readonly (readonly [string, string])[]
  readonly bodyBytes: number
  readonly sha256: string
}

test('the service gets a GET over HTTP/2 as HTTP/1.1, with the fields of the client, one Cookie field and the fields of the gate', async () => {
  const reply = await client.get('/s/one?x=1', {
    cookie: ['a=1', 'b=2'],
    'x-many': ['1', '2'],
    te: 'trailers',
    'x-forwarded-for': '203.0.113.9',
  })
  const { method, url, fields } = reply.json() as Echo
  const all = (name: string) => fields.filter(([each]) => each === name).map(([, value]) => value)

  expect([reply.status, method, url]).toEqual([200, 'GET', '/s/one?x=1'])
  expect(all('host')).toEqual(['api.test'])
  expect(all('cookie')).toEqual(['a=1; b=2'])
  expect(all('x-many')).toEqual(['1', '2'])
  expect(all('via')).toEqual(['2 gatehouse'])
  expect(all('x-forwarded-for')).toEqual(['127.0.0.1'])
  expect(all('x-forwarded-proto')).toEqual(['http'])
  expect([...all('te'), ...all('transfer-encoding')]).toEqual([])
  expect(reply.field('x-request-id')).toBe(all('x-request-id')[0])
  await node.waitForRecord(({ id, reason }) => id === reply.field('x-request-id') && reason === 'admitted')
})

test.each([
  ['with Content-Length', { 'content-length': '1500000' }, 'content-length'],
  ['without Content-Length', {}, 'transfer-encoding'],
])('a POST over HTTP/2 %s reaches the service with all bytes', async (_, fields, framing) => {
  const body = Buffer.alloc(1_500_000, 'upload ')
  const echo = (await client.post('/s/upload', body, fields)).json() as Echo

  expect(echo.bodyBytes).toBe(body.length)
  expect(echo.sha256).toBe(createHash('sha256').update(body).digest('hex'))
  expect(echo.fields.filter(([name]) => name === 'content-length' || name === 'transfer-encoding')[0]![0]).toBe(framing)
})

test('an HTTP/2 client gets a large reply completely, also when it reads slowly', async () => {
  const { stream, reply } = client.send({ ':path': '/s/large' })
  stream.pause()
  await client.get('/s/meanwhile')
  stream.resume()

  expect((await reply).body.equals(large)).toBe(true)
})

test('replies without a body reach an HTTP/2 client complete', async () => {
  const head = await client.get('/s/sized', { ':method': 'HEAD' })
  const empty = await client.get('/s/empty')
  const known = await client.get('/s/known')
  const form = await client.get('/s/reset')

  expect([head.status, head.body.length, head.field('content-length')]).toEqual([200, 0, '5'])
  expect([empty.status, empty.field('x-empty'), empty.field('content-length')]).toEqual([204, '1', undefined])
  expect([form.status, form.body.length, form.code]).toEqual([205, 0, 0])
  expect([known.status, known.field('etag'), known.code]).toEqual([304, '"1"', 0])
})

test('over HTTP/2, the client gets the two cookies of a service reply and none of its hop-by-hop fields', async () => {
  const { status, list } = await client.get('/s/cookies')

  expect(status).toBe(200)
  expect(list.filter((_, i) => list[i - 1] === 'set-cookie')).toEqual(['a=1; Path=/', 'b=2; Path=/'])
  expect(list.filter((each) => ['keep-alive', 'connection', 'transfer-encoding'].includes(each))).toEqual([])
})

test('the gate sends Set-Cookie over HTTP/2 as a field that HPACK never indexes (RFC 7541 §6.2.3)', async () => {
  const raw = new FrameClient(node.http2Port)
  raw.write(headers(1, getFields('/s/cookies')), headers(3, getFields('/s/cookies')))
  for (const stream of [1, 3]) {
    const { payload } = (await raw.find(frameType.headers, stream))!
    // 0001 and the index 55 of set-cookie in the static table, for each of the two fields.
    expect(payload.toString('hex').split('1f28')).toHaveLength(3)
  }
})

test('over HTTP/2, the client gets the first event of a stream before the stream ends', async () => {
  const { stream, reply } = client.send({ ':path': '/s/events' })
  await new Promise((resolve) => stream.once('data', resolve))
  held.pop()!.end('data: 2\n\n')

  expect((await reply).body.toString()).toBe('data: 1\n\ndata: 2\n\n')
})

test.each([
  ['with Content-Length', '/s/cut'],
  ['of unknown length', '/s/cut-stream'],
])(
  'when the service breaks a reply off %s, the gate resets the HTTP/2 stream of the client and keeps the connection open',
  async (_, path) => {
    const raw = new FrameClient(node.http2Port)
    raw.write(headers(1, getFields(path)))
    const reset = await raw.find(frameType.rstStream, 1)
    const data = raw.frames.filter(({ type, stream }) => type === frameType.data && stream === 1)
    raw.write(headers(3, getFields('/s/after')))

    expect(reset!.payload.readUInt32BE(0)).toBe(2)
    expect(Buffer.concat(data.map(({ payload }) => payload)).toString()).toBe('part')
    expect(data.filter(({ flags }) => (flags & 1) !== 0)).toEqual([])
    expect(await raw.find(frameType.headers, 3)).toBeDefined()
    await node.waitForRecord((record) => record['path'] === path && record['reason'] === 'reply-broken')
    raw.socket.destroy()
  },
)

test('an HTTP/2 request that the client cancels is cancelled at the service and recorded as client-gone', async () => {
  const { stream } = client.send({ ':path': '/s/hangs' })
  await until('the request is at the service', () => held.length > 0)
  stream.close(8)
  await new Promise((resolve) => held.pop()!.once('close', resolve))

  await node.waitForRecord(({ path, reason }) => path === '/s/hangs' && reason === 'client-gone')
})

test.each([
  ['resets its stream', (raw: FrameClient) => raw.write(frame(frameType.rstStream, 0, 1, uint32(8)))],
  ['resets its stream without an error', (raw: FrameClient) => raw.write(frame(frameType.rstStream, 0, 1, uint32(0)))],
  ['closes its connection', (raw: FrameClient) => raw.socket.end()],
  ['resets its connection', (raw: FrameClient) => raw.socket.resetAndDestroy()],
])('the service never gets a complete body when an HTTP/2 client %s in the middle of an upload', async (_, end) => {
  const raw = new FrameClient(node.http2Port)
  raw.write(
    headers(1, [[':method', 'POST'], ...getFields('/s/partial').slice(1)], 'open'),
    frame(frameType.data, 0, 1, Buffer.alloc(10_000, 'x')),
  )
  const seen = () => upstream.requests.findLast(({ url }) => url === '/s/partial')
  await until('bytes of the body at the service', () => (seen()?.bodyBytes ?? 0) === 10_000)
  const received = seen()!
  end(raw)
  await received.over

  expect(received.aborted).toBe(true)
  upstream.requests.splice(upstream.requests.indexOf(received), 1)
  raw.socket.destroy()
})

test('over HTTP/2, a request gets 413 if its Content-Length is above body.max, or when its body exceeds body.max', async () => {
  const before = upstream.requests.length
  const announced = await client.post('/small/a', Buffer.alloc(2000))
  const sent = client.send({ ':method': 'POST', ':path': '/small/b' }, 'open')
  sent.stream.write(Buffer.alloc(2000))

  expect([announced.status, (await sent.reply).status]).toEqual([413, 413])
  expect(upstream.requests.slice(before).every(({ bodyBytes }) => bodyBytes === 0)).toBe(true)
})

test('when a service replies before it has read the body, an HTTP/2 client gets the whole reply and then RST_STREAM without an error', async () => {
  const raw = new FrameClient(node.http2Port)
  raw.write(
    headers(1, [[':method', 'POST'], ...getFields('/s/large').slice(1)], 'open'),
    frame(frameType.data, 0, 1, Buffer.alloc(10_000)),
    frame(frameType.windowUpdate, 0, 0, uint32(2 ** 30)),
    frame(frameType.windowUpdate, 0, 1, uint32(2 ** 30)),
  )
  const reset = await raw.find(frameType.rstStream, 1)
  const data = raw.frames.filter(({ type, stream }) => type === frameType.data && stream === 1)

  expect(Buffer.concat(data.map(({ payload }) => payload)).equals(large)).toBe(true)
  expect([data.at(-1)!.flags & 1, reset!.payload.readUInt32BE(0)]).toEqual([1, 0])
  raw.socket.destroy()
})

test('a client that expects 100 Continue gets it over HTTP/2, and the service gets no Expect', async () => {
  const { stream, reply } = client.send({ ':method': 'POST', ':path': '/s/wait', expect: '100-continue' }, 'open')
  await new Promise((resolve) => stream.once('continue', resolve))
  stream.end('hello')

  expect((await reply).json()).toMatchObject({ bodyBytes: 5 })
})

type Fields = readonly (readonly [string, string])[]
const without = (name: string) => getFields('/s/x').filter(([each]) => each !== name)
const plus = (...more: Fields): Fields => [...getFields('/s/x'), ...more]

test.each<[what: string, fields: Fields, status: number, reason: string]>([
  ['a host that differs from :authority', plus(['host', 'other.test']), 400, 'field-repeated'],
  ['no :authority and no host', [...without(':authority'), ['host', '']], 0, ''],
  [
    'CONNECT without :path',
    [
      [':method', 'CONNECT'],
      [':authority', 'a:443'],
    ],
    405,
    'method-refused',
  ],
  ['TRACE', [[':method', 'TRACE'], ...without(':method')], 405, 'method-refused'],
  ['a method in lower case', [[':method', 'get'], ...without(':method')], 400, 'method-unknown'],
  ['the scheme gopher', [[':scheme', 'gopher'], ...without(':scheme')], 400, 'target-malformed'],
  ['a fragment in :path', [[':path', '/s/x#y'], ...without(':path')], 400, 'path-fragment'],
  ['raw bytes in :path', [[':path', '/s/\xc3\xa9'], ...without(':path')], 400, 'target-malformed'],
  ['an absolute :path', [[':path', 'http://a/s/x'], ...without(':path')], 0, ''],
  ['* with GET', [[':path', '*'], ...without(':path')], 0, ''],
  ['a value that is no UTF-8', plus(['x-a', 'a\xffb']), 400, 'field-value'],
  [
    'two Authorization fields',
    plus(['authorization', 'Bearer a'], ['authorization', 'Bearer b']),
    400,
    'credential-repeated',
  ],
  ['two Content-Type fields', plus(['content-type', 'text/a'], ['content-type', 'text/b']), 400, 'field-repeated'],
  ['a Trailer field', plus(['trailer', 'x-a']), 400, 'trailer-announced'],
  ['gRPC-Web', plus(['content-type', 'application/grpc-web-text']), 415, 'grpc-web-unsupported'],
  ['an Upgrade field', plus(['upgrade', 'websocket'], ['connection', 'upgrade']), 0, ''],
  [
    'a WebSocket by extended CONNECT',
    [[':method', 'CONNECT'], [':protocol', 'websocket'], ...without(':method')],
    0,
    '',
  ],
  ['te: gzip', plus(['te', 'gzip']), 0, ''],
  ['Transfer-Encoding', plus(['transfer-encoding', 'chunked']), 0, ''],
  ['99 fields', plus(...Array.from({ length: 99 }, (_, i) => [`x-${i}`, ''] as const)), 431, 'fields-too-many'],
  ['200 fields', plus(...Array.from({ length: 200 }, (_, i) => [`x-${i}`, ''] as const)), 0, ''],
])('a request over HTTP/2 with %s is refused, and the service gets nothing', async (_, fields, status, reason) => {
  const before = upstream.requests.length
  const raw = new FrameClient(node.http2Port)
  raw.write(headers(1, fields))
  if (status === 0) {
    const reset = await raw.find(frameType.rstStream, 1)
    expect([1, 11]).toContain(reset!.payload.readUInt32BE(0))
  } else {
    const body = await raw.find(frameType.data, 1)
    const { instance } = JSON.parse(body!.payload.toString()) as { readonly instance: string }
    expect(await node.waitForRecord(({ id }) => id === instance)).toMatchObject({ status, reason })
  }
  expect(upstream.requests.length).toBe(before)
  raw.socket.destroy()
})

test('the gate itself answers OPTIONS * over HTTP/2 with its methods, and the service gets nothing', async () => {
  const before = upstream.requests.length
  const reply = await client.get('*', { ':method': 'OPTIONS' })

  expect([reply.status, reply.field('allow')]).toEqual([200, 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'])
  expect(await node.waitForRecord(({ path }) => path === '*')).toMatchObject({ decision: 'answered', status: 200 })
  expect(upstream.requests.length).toBe(before)
})

test('a request head above request.head_max gets 431 over HTTP/2', async () => {
  const raw = new FrameClient(node.http2Port)
  const block = literals(plus(['x-a', 'a'.repeat(40_000)]))
  raw.write(
    frame(frameType.headers, 1, 1, block.subarray(0, 16_000)),
    frame(frameType.continuation, 0, 1, block.subarray(16_000, 32_000)),
    frame(frameType.continuation, 4, 1, block.subarray(32_000)),
  )

  expect(JSON.parse((await raw.find(frameType.data, 1))!.payload.toString())).toMatchObject({ status: 431 })
})

test('the gate accepts an HTTP/2 request with :authority and an equal host field, and the service gets one Host field', async () => {
  const raw = new FrameClient(node.http2Port)
  raw.write(headers(1, [...getFields('/s/same'), ['host', 'API.test']]))
  const { fields } = JSON.parse((await raw.find(frameType.data, 1))!.payload.toString()) as Echo

  expect(fields.filter(([name]) => name === 'host')).toEqual([['host', 'api.test']])
})

test('the gate does not add the trailers of an HTTP/2 request to its header fields', async () => {
  const raw = new FrameClient(node.http2Port)
  const post: Fields = [[':method', 'POST'], ...getFields('/s/trailers').slice(1)]
  raw.write(
    headers(1, post, 'open'),
    frame(frameType.data, 0, 1, Buffer.from('hello')),
    frame(
      frameType.headers,
      5,
      1,
      literals([
        ['authorization', 'Bearer x'],
        ['x-trailer', '1'],
      ]),
    ),
  )
  const echo = JSON.parse((await raw.find(frameType.data, 1))!.payload.toString()) as Echo

  expect(echo.bodyBytes).toBe(5)
  expect(echo.fields.map(([name]) => name)).not.toContain('authorization')
  expect(echo.fields.map(([name]) => name)).not.toContain('x-trailer')
})

test('an HTTP/2 request with more trailers than request.fields_max is refused with 431', async () => {
  const trailers = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'v']))
  const reply = await client.send({ ':method': 'POST', ':path': '/s/trailers' }, 'body', trailers).reply

  expect(reply.status).toBe(431)
  await node.waitForRecord(({ id, reason }) => id === reply.field('x-request-id') && reason === 'trailers-too-large')
})
