import { expect, test } from 'vitest'
import { grpcMessage, valueIn } from '../kit/grpc-wire.ts'
import { bodyOf, Http2Service, type ServiceStream } from '../kit/http2-service.ts'
import { Http2Session, type SentRequest } from '../kit/http2-session.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode, startNodeProcess } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { swap } from '../kit/swap.ts'
import { until } from '../kit/until.ts'

// Rules of gRPC calls: size of messages, deadlines, silence, and the end of streams with trailers.

const part = grpcMessage('part')

/** A call at the service, which does what its path says. */
async function serve({ stream, head }: ServiceStream): Promise<void> {
  const path = head[':path']!
  const begin = () => stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  if (path.endsWith('/Count')) {
    const body = await bodyOf(stream)
    begin()
    stream.end(grpcMessage(String(body.length)))
  } else if (path.endsWith('/Watch')) {
    begin()
    stream.write(part)
  } else if (path.endsWith('/Half')) {
    begin()
    stream.write(Buffer.concat([part, part.subarray(0, 7)]))
  } else if (path.endsWith('/Echo')) {
    begin()
    stream.pipe(stream)
  }
}

const service = await Http2Service.start({ onStream: (received) => void serve(received).catch(() => undefined) })
const issuer = await startIssuer()
const scoped = { scopes: { all: ['rpc'] } }
const policyWith = (scope: string) =>
  testPolicy({
    issuer: issuer.url,
    orders: service.url,
    main: { clock_tolerance: '0s' },
    ordersEntry: {
      protocol: 'h2c',
      grpc: { max_message: '1KiB' },
      timeouts: { first_byte: '500ms', idle: '500ms' },
      routes: [
        { id: 'rpc', match: { grpc: 'demo.Orders/*' }, require: scoped, body: { max: '1KiB' } },
        { id: 'large', match: { grpc: 'demo.Orders/Count' }, require: scoped, grpc: { max_message: '2KiB' } },
        { id: 'timed', match: { grpc: 'demo.Timed/*' }, require: scoped, timeouts: { total: '2s' } },
        { id: 'quiet', match: { grpc: 'demo.Quiet/*' }, require: scoped, streams: { idle: '1s' } },
        { id: 'guarded', match: { grpc: 'demo.Guarded/*' }, require: { scopes: { all: [scope] } } },
        { id: 'http', match: { path: '/http/**' }, require: 'public' },
      ],
    },
  })
const node = await startNode({
  policy: policyWith('guarded'),
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false }, request: { idle: '8s' } },
})
const client = new Http2Session(node.http2Port)
let calls = 0

interface Call extends SentRequest {
  readonly subject: string
  /** The same call at the service; fails if the service has not got it. */
  atService(): ServiceStream
}

function call(path: string, fields: Readonly<Record<string, string>> = {}, claims: object = {}): Call {
  const subject = `caller-${++calls}`
  const authorization = `Bearer ${issuer.sign({ claims: { sub: subject, scope: 'rpc guarded', ...claims } })}`
  const head = { 'content-type': 'application/grpc', te: 'trailers', 'x-caller': subject, authorization, ...fields }
  const sent = client.send({ ':method': 'POST', ':path': path, ...head }, 'open')
  const atService = () => service.received.find(({ head }) => head['x-caller'] === subject)!
  return { ...sent, subject, atService }
}

const firstData = ({ stream }: SentRequest) => new Promise((resolve) => stream.once('data', resolve))

async function resetAtService(sent: Call): Promise<number> {
  const { stream } = sent.atService()
  await until('the end of the call at the service', () => stream.closed)
  return stream.rstCode
}

test('gRPC messages up to max_message are forwarded, even in a body above body.max, and max_message of a route overrides that of its service', async () => {
  const sent = call('/demo.Orders/Count')
  for (let i = 0; i < 20; i++) sent.stream.write(grpcMessage(Buffer.alloc(2048)))
  sent.stream.end()
  const { body, trailers } = await sent.reply

  expect([body.toString().slice(5), trailers]).toEqual([String(20 * 2053), ['grpc-status', '0']])
})

test('a gRPC message above max_message ends the call with RESOURCE_EXHAUSTED before the service gets the message', async () => {
  const sent = call('/demo.Orders/Never')
  sent.stream.write(grpcMessage(Buffer.alloc(1024)))
  await until('the first message', () => sent.atService() !== undefined)
  const got: Buffer[] = []
  sent.atService().stream.on('data', (chunk: Buffer) => got.push(chunk))
  await until('the first message', () => Buffer.concat(got).length === 1029)
  sent.stream.write(grpcMessage(Buffer.alloc(1025)).subarray(0, 5))
  const reply = await sent.reply

  expect([reply.status, reply.field('grpc-status'), reply.field('grpc-message')]).toEqual([
    200,
    '8',
    'Content Too Large (message_too_large)',
  ])
  expect(await resetAtService(sent)).toBe(8)
  expect(Buffer.concat(got).length).toBe(1029)
  const record = await node.waitForRecord(({ subject }) => subject === sent.subject)
  expect(record).toMatchObject({ status: 413, reason: 'message-too-large' })
})

test('a gRPC message above max_message after the reply has begun ends the call with trailers', async () => {
  const sent = call('/demo.Orders/Echo')
  sent.stream.write(part)
  await firstData(sent)
  sent.stream.write(Buffer.from([0, 0, 0, 4, 1]))
  const { body, trailers, code } = await sent.reply

  expect([body, valueIn(trailers, 'grpc-status'), code]).toEqual([part, '8', 0])
  expect(await resetAtService(sent)).toBe(8)
})

test.each(['5', '5s', '123456789S', '1S, 1S'])(
  'a gRPC call with grpc-timeout %s gets INVALID_ARGUMENT',
  async (value) => {
    const { reply } = call('/demo.Orders/Count', { 'grpc-timeout': value })
    const { field } = await reply
    expect([field('grpc-status'), field('grpc-message')]).toEqual(['3', 'Bad Request (invalid_grpc_timeout)'])
  },
)

test('the service gets as grpc-timeout the remaining time of the grpc-timeout of the client, or of timeouts.total if that is shorter', async () => {
  const given = call('/demo.Orders/Count', { 'grpc-timeout': '50S' })
  const shorter = call('/demo.Timed/Count', { 'grpc-timeout': '1H' })
  const none = call('/demo.Timed/Count')
  const unlimited = call('/demo.Orders/Count')
  const all = [given, shorter, none, unlimited]
  for (const { stream } of all) stream.end()
  await Promise.all(all.map(({ reply }) => reply))

  const lefts = all.map(({ atService }) => atService().head['grpc-timeout'])
  const seconds = lefts.map((left) => Number(String(left).replace(/u$/, '')) / 1e6)
  for (const [i, most] of [50, 2, 2].entries()) {
    expect(seconds[i]).toBeGreaterThan(0)
    expect(seconds[i]).toBeLessThan(most)
  }
  expect(lefts[3]).toBeUndefined()
})

test('a gRPC call that exceeds its deadline gets DEADLINE_EXCEEDED, before or after its reply has begun, and is cancelled at the service', async () => {
  const silent = call('/demo.Orders/Never', { 'grpc-timeout': '300m' })
  const begun = call('/demo.Orders/Watch', { 'grpc-timeout': '300m' })
  const total = call('/demo.Timed/Never')
  const [headOnly, withTrailers, ofRoute] = await Promise.all([silent.reply, begun.reply, total.reply])

  expect([headOnly.field('grpc-status'), headOnly.trailers]).toEqual(['4', []])
  expect([withTrailers.body, valueIn(withTrailers.trailers, 'grpc-status')]).toEqual([part, '4'])
  expect(ofRoute.field('grpc-status')).toBe('4')
  for (const sent of [silent, begun, total]) expect(await resetAtService(sent)).toBe(8)
  const fault = async (sent: Call) => (await node.waitForRecord(({ subject }) => subject === sent.subject))['fault']
  expect(await fault(silent)).toBe('the exchange took longer than grpc-timeout of the call')
  expect(await fault(total)).toBe('the exchange took longer than timeouts.total of the route')
})

test('a gRPC call whose grpc-timeout is 0 is not sent to the service', async () => {
  const sent = call('/demo.Orders/Count', { 'grpc-timeout': '0n' })
  expect((await sent.reply).field('grpc-status')).toBe('4')
  expect(sent.atService()).toBeUndefined()
})

test('a gRPC call is not ended by a silence longer than the timeouts and request.idle, but by a silence longer than streams.idle', async () => {
  const open = ['/demo.Orders/Never', '/demo.Orders/Watch'].map((path) => call(path))
  const busy = call('/demo.Quiet/Echo')
  const idle = [call('/demo.Quiet/Never'), call('/demo.Quiet/Watch')]
  const chatter = setInterval(() => busy.stream.write(part), 100)
  const replies = await Promise.all(idle.map(({ reply }) => reply))
  // `request.idle` of a client that sends nothing, which ends the upload of another request.
  const upload = client.send({ ':method': 'POST', ':path': '/http/Never' }, 'open')
  expect((await upload.reply).status).toBe(408)
  clearInterval(chatter)

  expect([replies[0]!.field('grpc-status'), valueIn(replies[1]!.trailers, 'grpc-status')]).toEqual(['4', '4'])
  for (const { stream } of [...open, busy]) {
    expect(stream.closed).toBe(false)
    stream.close()
  }
})

test('when the token of a gRPC call expires, the call ends: the client gets UNAUTHENTICATED in trailers after the last whole message, and the call to the service is cancelled', async () => {
  const claims = { exp: Math.floor(Date.now() / 1000) + 3 }
  const begun = call('/demo.Orders/Watch', {}, claims)
  const silent = call('/demo.Orders/Never', {}, claims)
  const waiting = call('/demo.Orders/Never', {}, claims)
  waiting.stream.end()
  const half = call('/demo.Orders/Half', {}, claims)
  const { body, trailers, code } = await begun.reply

  expect([body, valueIn(trailers, 'grpc-status'), code]).toEqual([part, '16', 0])
  expect(valueIn(trailers, 'grpc-message')).toBe('Unauthorized (invalid_token)')
  for (const { reply } of [silent, waiting]) {
    expect((await reply).field('grpc-status')).toBe('16')
    expect((await reply).field('www-authenticate')).toContain('invalid_token')
  }
  expect(await half.reply).toMatchObject({ trailers: [], code: 2 })
  for (const sent of [begun, silent, waiting, half]) expect(await resetAtService(sent)).toBe(8)
  const record = await node.waitForRecord(({ subject }) => subject === begun.subject)
  expect(record).toMatchObject({ reason: 'stream-ended', stream_end: 'token-expired' })
})

test('a gRPC call that a changed policy refuses ends with PERMISSION_DENIED, and other calls continue', async () => {
  const refused = call('/demo.Guarded/Watch')
  const other = call('/demo.Orders/Echo')
  other.stream.write(part)
  await Promise.all([firstData(refused), firstData(other)])
  await swap(node, policyWith('other'))

  expect(valueIn((await refused.reply).trailers, 'grpc-status')).toBe('7')
  other.stream.end(part)
  expect(await other.reply).toMatchObject({ body: Buffer.concat([part, part]), trailers: ['grpc-status', '0'] })
})

test('gRPC over HTTP/1.1 or with a method other than POST gets 415 with a problem that names listen_h2', async () => {
  const fields = [['Content-Type', 'application/grpc']] as const
  const old = await request(node.port, requestBytes({ method: 'POST', target: '/demo.Orders/Count', fields }))
  const get = await client.get('/demo.Orders/Count', { 'content-type': 'application/grpc' })

  for (const [status, body] of [
    [old.status, JSON.parse(old.text)],
    [get.status, get.json()],
  ]) {
    expect(status).toBe(415)
    expect(body).toMatchObject({ code: 'grpc_not_supported', detail: expect.stringContaining('listen_h2') })
  }
})

test('the gate does not offer WebSocket over HTTP/2 (extended CONNECT), and an attempt resets only its own stream', async () => {
  await until('the settings of the gate', () => client.session.remoteSettings.enableConnectProtocol !== undefined)
  expect(client.session.remoteSettings.enableConnectProtocol).toBe(false)
  const head = { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/http/socket' }

  expect((await client.send(head, 'open').reply).code).not.toBe(0)
  expect(client.session.closed).toBe(false)
})

test('a stopping node ends gRPC calls that are still in progress after drain_timeout with UNAVAILABLE', async () => {
  const stopping = await startNodeProcess({
    policy: policyWith('guarded'),
    settings: { listen_h2: { address: '127.0.0.1:0', tls: false }, drain_timeout: '1s', drain_delay: '0s' },
  })
  const authorization = `Bearer ${issuer.sign({ claims: { scope: 'rpc' } })}`
  const head = { ':method': 'POST', 'content-type': 'application/grpc', authorization }
  const own = new Http2Session(stopping.http2Port)
  const begun = own.send({ ...head, ':path': '/demo.Orders/Watch' }, 'open')
  const silent = own.send({ ...head, ':path': '/demo.Orders/Never' }, 'open')
  await firstData(begun)
  const exit = stopping.stop()

  expect(valueIn((await begun.reply).trailers, 'grpc-status')).toBe('14')
  expect((await silent.reply).field('grpc-status')).toBe('14')
  expect(await exit).toBe(0)
})
