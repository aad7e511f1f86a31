import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CertificateAuthority } from '../kit/certificate-authority.ts'
import { atEnd } from '../kit/cleanup.ts'
import { bodyOf, Http2Service, type ServiceStream } from '../kit/http2-service.ts'
import { Http2Session } from '../kit/http2-session.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// Services that the gate calls with HTTP/2, for clients with HTTP/1.1 and HTTP/2, and gRPC calls through the gate.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-http2-services-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const authority = await CertificateAuthority.create('service authority')
const ca = join(folder, 'ca.pem')
writeFileSync(ca, authority.cert)
const certificate = await authority.issue({ names: ['localhost'], use: 'serverAuth' })

/** Number of requests to a path that the service refuses once. */
let refused = 0
const large = Buffer.alloc(3_000_000, 'large body ')

/** Replies as the path asks. A gRPC message is echoed, and its trailers have the sum of the bytes. */
async function reply({ stream, head }: ServiceStream): Promise<void> {
  const path = head[':path']!
  if (path.endsWith('/large')) {
    stream.respond({ ':status': 200, 'content-length': String(large.length) })
    stream.end(large)
  } else if (path.endsWith('/empty')) stream.respond({ ':status': 204 }, { endStream: true })
  else if (path.endsWith('/fails')) {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5', 'grpc-message': 'no such order' },
      { endStream: true },
    )
  } else if (path.endsWith('/cut')) {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.write('part', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR))
  } else if (path.endsWith('/refused-once') && refused++ === 0) {
    stream.close(constants.NGHTTP2_REFUSED_STREAM)
  } else if (path.endsWith('/chat')) {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.pipe(stream)
  } else if (path.endsWith('/watch')) {
    // Never ends: only RST_STREAM closes this stream.
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
    stream.write(Buffer.from([0, 0, 0, 0, 1, 1]))
    stream.resume()
  } else {
    let trailers: readonly string[] = []
    stream.on('trailers', (_, __, list: readonly string[]) => {
      trailers = list
    })
    const body = await bodyOf(stream)
    const type = head['content-type'] === 'application/grpc' ? 'application/grpc' : 'application/json'
    stream.respond({ ':status': 200, 'content-type': type }, { waitForTrailers: true })
    stream.on('wantTrailers', () =>
      stream.sendTrailers({
        'grpc-status': '0',
        'x-sum': createHash('sha256').update(body).digest('hex'),
        'x-gatehouse-jwt-assertion': 'stolen',
        'set-cookie': 'a=1',
      }),
    )
    stream.end(JSON.stringify({ head, bytes: body.length, trailers }))
  }
}

const plain = await Http2Service.start({ onStream: (received) => void reply(received) })
const secure = await Http2Service.start({
  server: { cert: certificate.cert, key: certificate.key },
  onStream: (received) => void reply(received),
})
const old = await startUpstream()
const secureUrl = secure.url.replace('127.0.0.1', 'localhost')

const node = await startNode({
  policy: publicPolicy({
    plain: { upstreams: [plain.url], entry: { protocol: 'h2c', grpc: {} } },
    secure: { upstreams: [secureUrl], entry: { protocol: 'h2', grpc: {}, upstream_tls: { ca } } },
    tiny: { upstreams: [plain.url], entry: { protocol: 'h2c' }, route: { body: { max: '8B' } } },
    wrong: { upstreams: [old.url], entry: { protocol: 'h2c' } },
    old: { upstreams: [old.url] },
  }),
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false } },
})
const client = new Http2Session(node.http2Port)

interface Echo {
  readonly head: Readonly<Record<string, string>>
  readonly bytes: number
  readonly trailers: readonly string[]
}

const services = [
  ['h2c', 'plain', plain],
  ['h2', 'secure', secure],
] as const

test.each(services)('an HTTP/1.1 client gets the reply of a service with the protocol %s', async (_, id, service) => {
  const body = Buffer.alloc(200_000, 'upload ')
  const got = await request(node.port, requestBytes({ target: `/${id}/echo?x=1` }))
  const posted = await request(node.port, requestBytes({ method: 'POST', target: `/${id}/echo`, body }))
  const { head } = JSON.parse(got.text) as Echo

  expect([got.status, head[':method'], head[':path']]).toEqual([200, 'GET', `/${id}/echo?x=1`])
  expect(head).toMatchObject({ ':authority': 'api.test', via: '1.1 gatehouse', 'x-forwarded-proto': 'http' })
  expect([head['transfer-encoding'], head['connection'], head['host']]).toEqual([undefined, undefined, undefined])
  expect(JSON.parse(posted.text)).toMatchObject({ bytes: body.length, trailers: [] })
  expect(got.all('grpc-status')).toEqual([])
  expect(service.received.at(-1)!.head['content-length']).toBe(String(body.length))
})

test.each(services)(
  'an HTTP/2 client and a service with the protocol %s exchange bodies and trailers',
  async (_, id) => {
    const body = Buffer.alloc(200_000, 'upload ')
    const { reply } = client.send({ ':method': 'POST', ':path': `/${id}/echo` }, body, {
      'x-part': ['1', '2'],
      authorization: 'Bearer x',
      'x-forwarded-for': '203.0.113.9',
    })
    const { status, trailers, json, list } = await reply

    expect(status).toBe(200)
    expect(json()).toMatchObject({ bytes: body.length, trailers: ['x-part', '1', 'x-part', '2'] })
    expect(trailers).toEqual(['grpc-status', '0', 'x-sum', createHash('sha256').update(body).digest('hex')])
    expect(list).not.toContain('grpc-status')
  },
)

test.each([
  ['of one byte', Buffer.from('a'), {}],
  ['without bytes', Buffer.alloc(0), {}],
  ['with Content-Length', Buffer.alloc(1000, 'b'), { 'content-length': '1000' }],
  ['of 60,000 bytes', Buffer.alloc(60_000, 'c'), {}],
])(
  'a request body %s that has arrived completely is sent to a service with the protocol h2c',
  async (_, body, fields) => {
    const { status, json, trailers } = await client.post('/plain/echo', body, fields)

    expect([status, (json() as Echo).bytes]).toEqual([200, body.length])
    expect(trailers[3]).toBe(createHash('sha256').update(body).digest('hex'))
  },
)

test('trailers after a request body that has arrived completely are sent to a service with the protocol h2c', async () => {
  const head = { ':method': 'POST', ':path': '/plain/echo' }
  const { json } = await client.send(head, Buffer.from('small'), { 'x-part': '1' }).reply

  expect(json()).toMatchObject({ bytes: 5, trailers: ['x-part', '1'] })
})

test('a request body that has arrived completely is sent again when an HTTP/2 service has refused the stream', async () => {
  const body = Buffer.from('{"amount":7}')
  const { status, trailers } = await client.post('/plain/refused-once', body)

  expect([status, refused]).toEqual([200, 2])
  expect(trailers[3]).toBe(createHash('sha256').update(body).digest('hex'))
})

test('a request body above body.max that has arrived completely gets 413, and the HTTP/2 service gets nothing', async () => {
  const before = plain.received.length
  const within = await client.post('/tiny/echo', Buffer.alloc(8, 'x'))
  const above = await client.post('/tiny/echo', Buffer.alloc(9, 'x'))

  expect([within.status, above.status]).toEqual([200, 413])
  expect(plain.received.length).toBe(before + 1)
})

test.each(services)(
  'large and empty replies of a service with the protocol %s reach HTTP/1.1 and HTTP/2 clients',
  async (_, id) => {
    const whole = await request(node.port, requestBytes({ target: `/${id}/large` }))
    const empty = await request(node.port, requestBytes({ target: `/${id}/empty` }))

    expect([whole.body.equals(large), whole.framing]).toEqual([true, 'length'])
    expect([empty.status, empty.body.length]).toEqual([204, 0])
    expect((await client.get(`/${id}/large`)).body.equals(large)).toBe(true)
    expect((await client.get(`/${id}/empty`)).status).toBe(204)
    const head = await client.get(`/${id}/large`, { ':method': 'HEAD' })
    expect([head.status, head.body.length, head.field('content-length')]).toEqual([200, 0, String(large.length)])
  },
)

test.each(services)(
  'a gRPC call to a service with the protocol %s succeeds, and the client gets the trailers of the service',
  async (_, id, service) => {
    const message = Buffer.from([0, 0, 0, 0, 2, 8, 1])
    const done = await client.post(`/${id}/demo.Orders/Get`, message, {
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const failed = await client.post(`/${id}/demo.Orders/fails`, message, { 'content-type': 'application/grpc' })

    expect([done.status, done.field('content-type')]).toEqual([200, 'application/grpc'])
    expect(done.trailers.slice(0, 2)).toEqual(['grpc-status', '0'])
    expect(service.received.at(-1)!.head['te']).toBe('trailers')
    expect([failed.field('grpc-status'), failed.field('grpc-message'), failed.trailers]).toEqual([
      '5',
      'no such order',
      [],
    ])
    expect(failed.field('content-length')).toBe(undefined)
  },
)

test('a bidirectional gRPC stream passes messages in both directions while both sides are open', async () => {
  const { stream, reply } = client.send(
    { ':method': 'POST', ':path': '/plain/demo.Orders/chat', 'content-type': 'application/grpc' },
    'open',
  )
  for (let i = 0; i < 50; i++) {
    const message = Buffer.from([0, 0, 0, 0, 1, i])
    const echoed = new Promise<Buffer>((resolve) => stream.once('data', resolve))
    stream.write(message)
    expect(await echoed).toEqual(message)
  }
  stream.end()

  expect((await reply).trailers).toEqual(['grpc-status', '0'])
})

test('the client gets no complete reply when a service with the protocol h2c breaks its reply off', async () => {
  const broken = await request(node.port, requestBytes({ target: '/plain/cut' }))
  const { code } = await client.get('/plain/cut')

  expect(broken.complete).toBe(false)
  expect(code).toBe(constants.NGHTTP2_INTERNAL_ERROR)
})

test('a service with the protocol h2c that does not speak HTTP/2 gets no request, and the log names the setting', async () => {
  const before = old.requests.length
  const { status } = await request(node.port, requestBytes({ target: '/wrong/x' }))
  const record = await node.waitForRecord(({ path }) => path === '/wrong/x')

  expect([status, record['reason']]).toEqual([502, 'upstream-handshake'])
  expect(record['fault']).toContain('protocol')
  expect(old.requests.length).toBe(before)
})

test('when a client disconnects, its HTTP/2 call is cancelled, and the service gets RST_STREAM', async () => {
  const { stream } = client.send(
    { ':method': 'POST', ':path': '/plain/demo.Orders/watch', 'content-type': 'application/grpc' },
    'open',
  )
  await new Promise((resolve) => stream.once('data', resolve))
  const served = plain.received.at(-1)!.stream
  stream.close(constants.NGHTTP2_CANCEL)
  await until('the stream of the service is closed', () => served.closed)

  expect(served.rstCode).toBe(constants.NGHTTP2_CANCEL)
})

test.each([
  ['with the protocol http1', '/old/demo.Orders/Get'],
  ['with the protocol h2c, whose policy does not mention gRPC,', '/tiny/demo.Orders/Get'],
])('a gRPC call to a service %s gets UNIMPLEMENTED, and the service gets nothing', async (_, path) => {
  const before = [old.requests.length, plain.received.length]
  // The body is larger than body.max of the service, which a content type must not switch off.
  const { list } = await client.post(path, Buffer.alloc(5 + 100), { 'content-type': 'application/grpc' })

  expect(list[list.indexOf('grpc-status') + 1]).toBe('12')
  expect([old.requests.length, plain.received.length]).toEqual(before)
})
