import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { bodyOf, Http2Service } from '../kit/http2-service.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { freePorts } from '../kit/ports.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// docs/guide/retries.md: the body of a request is kept only for listed methods, up to 64 KiB and with Content-Length.

const KEPT_MAX = 64 * 1024
const seen = new Map<string, number>()

/** Replies 503 or resets the connection, as the path asks, at the first attempt of each request. */
const service = await startUpstream({
  handler: async (received, response, message) => {
    await received.over
    const attempt = (seen.get(received.url) ?? 0) + 1
    seen.set(received.url, attempt)
    if (attempt === 1 && received.url.includes('/503')) response.writeHead(503, { 'content-length': '4' }).end('busy')
    else if (attempt === 1 && received.url.includes('/reset')) message.socket.resetAndDestroy()
    else response.end(JSON.stringify({ bytes: received.bodyBytes, sha256: received.sha256 }))
  },
})
/** The same over HTTP/2. */
const h2 = await Http2Service.start({
  onStream: ({ stream, head }) =>
    void bodyOf(stream).then((body) => {
      const path = head[':path']!
      const attempt = (seen.get(path) ?? 0) + 1
      seen.set(path, attempt)
      stream.respond({ ':status': attempt === 1 ? 503 : 200 })
      stream.end(attempt === 1 ? 'busy' : JSON.stringify({ bytes: body.length, sha256: sha256(body) }))
    }),
})
const [dead] = freePorts(1).map((port) => `http://127.0.0.1:${port}`)
const retry = { on: ['connect', 'reset', 503], methods: ['GET', 'POST', 'PUT'] }
const node = await startNode({
  policy: publicPolicy({
    kept: { upstreams: [service.url], entry: { retry } },
    h2: { upstreams: [h2.url], entry: { retry, protocol: 'h2c' } },
    connect: { upstreams: [dead!], entry: { retry: { on: ['connect'], methods: ['POST'], attempts: 3 } } },
  }),
})

const sha256 = (body: Buffer) => createHash('sha256').update(body).digest('hex')

async function send(method: string, target: string, body: Buffer) {
  const reply = await request(node.port, requestBytes({ method, target, body }))
  return { reply, record: await node.waitForRecord((record) => record['id'] === reply.field('x-request-id')) }
}

const keptBytes = async () => (await readMetrics(node.adminPort)).sum('gatehouse_kept_bodies_bytes', {})

test.each([
  { method: 'POST', size: 1, end: '503', to: 'kept' },
  { method: 'PUT', size: KEPT_MAX - 1, end: '503', to: 'kept' },
  { method: 'POST', size: KEPT_MAX, end: '503', to: 'kept' },
  { method: 'POST', size: KEPT_MAX, end: 'reset', to: 'kept' },
  { method: 'POST', size: KEPT_MAX, end: '503', to: 'h2' },
  { method: 'POST', size: 1000, end: '503', to: 'h2' },
])(
  'the second attempt of $method to $to after $end has the same body of $size bytes',
  async ({ method, size, end, to }) => {
    const body = randomBytes(size)
    const { reply, record } = await send(method, `/${to}/${end}/${method}-${size}`, body)

    expect(reply.status).toBe(200)
    expect(reply.json()).toEqual({ bytes: size, sha256: sha256(body) })
    expect(record).toMatchObject({ attempts: 2, bytes_in: size })
  },
)

test.each([
  { what: 'a body of more than 64 KiB', method: 'POST', body: Buffer.alloc(KEPT_MAX + 1) },
  { what: 'a GET with a body', method: 'GET', body: Buffer.from('x') },
])(
  'a request is not tried again, because its body is not kept ($what): the client gets the 503 of the first attempt',
  async ({ what, method, body }) => {
    const before = (await readMetrics(node.adminPort)).sum('gatehouse_upstream_retries_total', notKept)
    const target = `/kept/503/${what.replaceAll(' ', '-')}`
    const { reply, record } = await send(method, target, body)

    expect(reply).toMatchObject({ status: 503, text: 'busy' })
    expect(record).toMatchObject({ attempts: 1 })
    expect(seen.get(target)).toBe(1)
    expect((await readMetrics(node.adminPort)).sum('gatehouse_upstream_retries_total', notKept)).toBe(before + 1)
  },
)

const notKept = { service: 'kept', cause: '503', outcome: 'body-not-kept' }

test('a request with a chunked body is not tried again, because its body is not kept: the client gets the 503 of the first attempt', async () => {
  const bytes =
    'POST /kept/503/chunked HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n'

  expect((await request(node.port, bytes)).status).toBe(503)
  expect(seen.get('/kept/503/chunked')).toBe(1)
})

test('a request body that is kept for retries is forwarded only when it is complete, and its memory is free after the exchange', async () => {
  const wire = await connect(node.port)
  await wire.send('POST /kept/503/slow HTTP/1.1\r\nHost: api.test\r\nContent-Length: 2000\r\n\r\n')
  await wire.send('x'.repeat(1000))
  await until('memory for the body is reserved', async () => (await keptBytes()) === 2000)
  expect(service.requests.some(({ url }) => url === '/kept/503/slow')).toBe(false)
  await wire.send('y'.repeat(1000))

  await wire.until('"bytes":2000')
  expect(seen.get('/kept/503/slow')).toBe(2)
  await until('the memory is free', async () => (await keptBytes()) === 0)
})

test('a request whose client disconnects before the end of a body that is kept for retries is not forwarded, and its memory is free', async () => {
  const wire = await connect(node.port)
  await wire.send('POST /kept/503/gone HTTP/1.1\r\nHost: api.test\r\nContent-Length: 2000\r\n\r\nx')
  await until('memory for the body is reserved', async () => (await keptBytes()) === 2000)
  wire.reset()

  const record = await node.waitForRecord(({ path }) => path === '/kept/503/gone')
  expect(record).toMatchObject({ reason: 'client-gone', attempts: 0 })
  expect(seen.has('/kept/503/gone')).toBe(false)
  await until('the memory is free', async () => (await keptBytes()) === 0)
})

test('with `on: [connect]` no body is kept, and a request with any body is tried again after a refused connection', async () => {
  const { reply, record } = await send('POST', '/connect/1', Buffer.alloc(200_000))

  expect(reply.status).toBe(502)
  expect(record).toMatchObject({ attempts: 3, reason: 'upstream-unreachable' })
})
