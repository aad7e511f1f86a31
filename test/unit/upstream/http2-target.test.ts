import { constants, sensitiveHeaders } from 'node:http2'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { Http2Target } from '../../../gateway/upstream/http2/http2-target.ts'
import type { RequestStream, Trailers } from '../../../gateway/upstream/target.ts'
import { bodyOf, Http2Service, type ServiceStream } from '../../kit/http2-service.ts'
import { until } from '../../kit/until.ts'
import { called, send } from './call-log.ts'

// Calls of a service with HTTP/2 (node:http2 as service, h2c).

const targetOf = ({ url }: { readonly url: string }, maxCalls = 1024) => new Http2Target(new URL(url), 5000, maxCalls)

/** A service whose replies depend on the path. */
const service = await Http2Service.start({
  onStream: (received) => {
    const { stream, head } = received
    const reply = replies[head[':path']!]
    if (reply === undefined) stream.respond({ ':status': 404 }, { endStream: true })
    else void reply(received)
  },
})

const replies: Record<string, (received: ServiceStream) => unknown> = {
  '/': ({ stream }) => {
    stream.respond({ ':status': 200, 'x-a': ['1', '2'], 'content-type': 'text/plain' })
    stream.end('ok')
  },
  '/trailers': ({ stream }) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-part': ['1', '2'] }))
    stream.end('part')
  },
  '/only': ({ stream }) => stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true }),
  '/echo': async ({ stream, list }) => {
    let trailers: readonly string[] = []
    stream.on('trailers', (_, __, raw: readonly string[]) => (trailers = raw))
    const body = await bodyOf(stream)
    stream.respond({ ':status': 200 })
    stream.end(JSON.stringify({ list, body: body.length, trailers }))
  },
  '/early': ({ stream }) => {
    stream.additionalHeaders({ ':status': 103, link: '</a>' })
    stream.respond({ ':status': 413 })
    stream.end('no')
  },
  '/reset': ({ stream }) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
  '/cut': ({ stream }) => {
    // Without `waitForTrailers`, node:http2 sends END_STREAM before RST_STREAM.
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.write('part', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR))
  },
  '/cut-politely': ({ stream }) => {
    // Without `waitForTrailers`, node:http2 sends END_STREAM before RST_STREAM.
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.write('part', () => stream.close(constants.NGHTTP2_NO_ERROR))
  },
  '/silent': () => undefined,
}

interface Echo {
  readonly list: readonly string[]
  readonly body: number
  readonly trailers: readonly string[]
}

/** A request body with trailers. */
function bodyWith(bytes: Buffer, trailers?: Trailers): RequestStream {
  return Object.assign(Readable.from([bytes], { objectMode: false }), trailers && { mayHaveTrailers: true, trailers })
}

test('a call to an HTTP/2 service gets the head and the body of the reply, with repeated fields', async () => {
  const log = await called(targetOf(service))

  expect(log.events).toEqual(['head', 'data', 'end'])
  expect([log.status, log.body, log.isEnd, log.trailers]).toEqual([200, 'ok', false, undefined])
  expect(log.fields.filter(([name]) => name === 'x-a')).toEqual([
    ['x-a', '1'],
    ['x-a', '2'],
  ])
})

test('the trailers of a reply of an HTTP/2 service are reported with the end of the reply, and not as header fields', async () => {
  const log = await called(targetOf(service), { target: '/trailers' })

  expect(log.body).toBe('part')
  expect(log.trailers).toEqual(['grpc-status', '0', 'x-part', '1', 'x-part', '2'])
  expect(log.fields.map(([name]) => name)).not.toContain('grpc-status')
})

test('a reply of an HTTP/2 service that has only a head is reported as complete, and the fields of the head are not reported as trailers', async () => {
  const log = await called(targetOf(service), { target: '/only' })

  expect([log.isEnd, log.events, log.trailers]).toEqual([true, ['head', 'end'], undefined])
  expect(log.fields).toContainEqual(['grpc-status', '5'])
})

test('a request to an HTTP/2 service has the pseudo-header fields and the fields of the request and no others, and its credentials are never indexed', async () => {
  const target = targetOf(service)
  const fields = [
    'host',
    'api.test',
    'content-type',
    'application/grpc+proto',
    'authorization',
    'Bearer x',
    'x-key',
    'k',
    'te',
    'trailers',
  ]
  const log = await called(target, { method: 'POST', target: '/echo', fields, body: bodyWith(Buffer.alloc(70_000)) })
  const { list, body } = JSON.parse(log.body) as Echo
  const { head } = service.received.at(-1)!

  expect(body).toBe(70_000)
  expect(list.slice(0, 8)).toEqual([':method', 'POST', ':scheme', 'http', ':authority', 'api.test', ':path', '/echo'])
  expect(head['te']).toBe('trailers')
  const secrets = (head as unknown as Record<symbol, readonly string[]>)[sensitiveHeaders]
  expect(secrets).toEqual(expect.arrayContaining(['authorization', 'x-key']))
  expect(secrets).not.toContain('content-type')
})

test('the trailers of a request are sent to an HTTP/2 service after the body', async () => {
  const body = bodyWith(Buffer.from('abc'), ['x-sum', '1', 'x-sum', '2'])
  const log = await called(targetOf(service), { method: 'POST', target: '/echo', body })

  expect(JSON.parse(log.body)).toMatchObject({ body: 3, trailers: ['x-sum', '1', 'x-sum', '2'] })
})

test('if an HTTP/2 service replies before the request body has ended, the reply ends the call, and interim replies (1xx) are dropped', async () => {
  const body = new Readable({ read: () => undefined })
  body.push('first')
  const log = await called(targetOf(service), { method: 'POST', target: '/early', body })

  expect([log.status, log.body, log.events.at(-1)]).toEqual([413, 'no', 'end'])
  expect(body.destroyed).toBe(true)
})

test.each([
  ['/reset', ['fault'], 'stream reset with INTERNAL_ERROR'],
  ['/cut', ['head', 'data', 'fault'], 'stream reset with INTERNAL_ERROR'],
  ['/cut-politely', ['head', 'data', 'fault'], 'the reply is incomplete'],
])('a reply that an HTTP/2 service breaks off (%s) is never reported as complete', async (path, events, message) => {
  const target = targetOf(service)
  const log = await called(target, { target: path })

  expect(log.events).toEqual(events)
  expect(log.fault).toMatchObject({ reason: 'upstream-broken', retryable: false })
  expect(target.health.failuresInRow).toBe(1)
  expect(log.fault!.message).toContain(message)
})

test.each([[['x-a', 'a\r\nb']], [['x-a', 'a\nb']], [['x-a\r\n', 'b']], [['x-a', 'ā']]])(
  'a request with the invalid field %j is not sent to an HTTP/2 service',
  async (fields) => {
    const before = service.received.length
    const log = await called(targetOf(service), { fields })

    expect(log.fault).toMatchObject({ reason: 'node-fault' })
    expect(service.received.length).toBe(before)
  },
)

test('a call to an HTTP/2 service ends when the reply head does not arrive in time, and the service gets RST_STREAM', async () => {
  const timeouts = { firstByteMs: 1, idleMs: 5000 }
  const log = await called(targetOf(service), { target: '/silent', timeouts })
  const { stream } = service.received.at(-1)!

  expect(log.fault).toMatchObject({ reason: 'upstream-timeout' })
  await until('the stream is closed', () => stream.closed)
  expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL)
})

test('concurrent calls to an HTTP/2 service share one session', async () => {
  const target = targetOf(service)
  const before = service.sessions.length
  await Promise.all(Array.from({ length: 20 }, () => called(target)))

  expect(service.sessions.length - before).toBe(1)
  expect(target.connections).toBe(1)
})

test('an aborted call to an HTTP/2 service reports nothing, the service gets RST_STREAM, and the session stays open', async () => {
  const target = targetOf(service)
  await called(target)
  const log = send(target, { target: '/silent' })
  await until('the service has the request', () => service.received.at(-1)!.head[':path'] === '/silent')
  const { stream } = service.received.at(-1)!
  log.call.abort()
  await until('the stream is closed', () => stream.closed)
  await called(target)

  expect(log.events).toEqual([])
  expect(target.connections).toBe(1)
})
