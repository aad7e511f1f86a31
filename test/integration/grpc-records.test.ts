import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { auditRecords } from '../kit/audit-records.ts'
import { grpcMessage } from '../kit/grpc-wire.ts'
import { Http2Service, type ServiceStream } from '../kit/http2-service.ts'
import { Http2Session } from '../kit/http2-session.ts'
import { startIssuer } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { startOtlpReceiver } from '../kit/otlp-receiver.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { until } from '../kit/until.ts'

// Access log, audit record, metrics and traces have the HTTP version of a request, and the status of a gRPC call.

/** A service that ends a call with the status in its path, in the trailers or in the head. */
function serve({ stream, head }: ServiceStream): void {
  const [, form, status = ''] = /\/(Trailers|Head|Open)(.*)$/.exec(head[':path']!) ?? []
  stream.resume()
  const type = { ':status': 200, 'content-type': 'application/grpc' }
  if (form === 'Head') stream.respond({ ...type, 'grpc-status': status }, { endStream: true })
  else stream.respond(type, { waitForTrailers: true })
  if (form !== 'Trailers') return
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }))
  stream.end(grpcMessage('part'))
}

const [issuer, service, redis, receiver] = await Promise.all([
  startIssuer(),
  Http2Service.start({ onStream: serve }),
  testRedis(),
  startOtlpReceiver(),
])
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)
const bootstrap = randomBytes(32).toString('base64url')
const node = await startNode({
  policy: testPolicy({
    issuer: issuer.url,
    orders: service.url,
    ordersEntry: {
      protocol: 'h2c',
      routes: [
        { id: 'rpc', match: { grpc: 'demo.Orders/*' }, require: 'public' },
        { id: 'closed', match: { grpc: 'demo.Closed/*' }, require: { scopes: { all: ['none'] } } },
        { id: 'http', match: { path: '/http/**' }, require: 'public' },
      ],
    },
  }),
  settings: {
    listen_h2: { address: '127.0.0.1:0', tls: false },
    redis: { url: `redis://127.0.0.1:${redis.port}` },
    telemetry: { traces: { endpoint: receiver.url, sample: 1 } },
    admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
  },
  env: { BOOTSTRAP: bootstrap },
})
const client = new Http2Session(node.http2Port)
const grpc = { 'content-type': 'application/grpc', te: 'trailers' }
const call = (path: string) => client.post(path, grpcMessage('ask'), grpc)

test.each([
  ['with trailers of the service', '/demo.Orders/Trailers0', 0, 'rpc'],
  ['with an error of the service in its trailers', '/demo.Orders/Trailers13', 13, 'rpc'],
  ['with an error of the service in its head', '/demo.Orders/Head5', 5, 'rpc'],
  ['with a status that gRPC does not have', '/demo.Orders/Trailers99', 2, 'rpc'],
  ['that the gate refuses', '/demo.Closed/Get', 16, 'closed'],
  ['without a route', '/demo.Unknown/Get', 12, ''],
] as const)(
  'access log, trace, metrics and audit record of a gRPC call %s have its gRPC status',
  async (_, path, code, route) => {
    const labels = { route, code: String(code) }
    const before = (await readMetrics(node.adminPort)).sum('gatehouse_grpc_calls_total', labels)
    const reply = await call(path)
    const id = reply.field('x-request-id')!

    const line = await node.waitForRecord((record) => record['id'] === id)
    expect([line['http_version'], line['grpc_status']]).toEqual(['2', code])
    const span = await receiver.waitFor('the span', ({ spans }) =>
      spans.find(({ attributes }) => attributes['gatehouse.request.id'] === id),
    )
    expect([span.attributes['network.protocol.version'], Number(span.attributes['rpc.grpc.status_code'])]).toEqual([
      '2',
      code,
    ])
    expect(span.status.code === 2).toBe(route === 'rpc' && (code === 13 || code === 2))
    const after = (await readMetrics(node.adminPort)).sum('gatehouse_grpc_calls_total', labels)
    expect(after - before).toBe(1)
    if (route === '') return
    const records = await auditRecords(link, (record) => record['gatehouse.request.id'] === id)
    const record = records.find((each) => each['gatehouse.request.id'] === id)!
    expect([record['network.protocol.version'], record['rpc.grpc.status_code']]).toEqual(['2', code])
  },
)

test('a cancelled gRPC call has no gRPC status in the access log, and the metric counts it under code none', async () => {
  const { stream, reply } = client.send({ ':method': 'POST', ':path': '/demo.Orders/Open', ...grpc }, 'open')
  stream.once('response', () => stream.close(8))
  const id = (await reply).field('x-request-id')

  const line = await node.waitForRecord((record) => record['id'] === id)
  expect([line['reason'], line['http_version'], line['grpc_status']]).toEqual(['client-gone', '2', undefined])
  await until('the count of the call', async () => {
    const labels = { route: 'rpc', code: 'none' }
    return (await readMetrics(node.adminPort)).sum('gatehouse_grpc_calls_total', labels) === 1
  })
})

test('the access log has no grpc_status for a request without gRPC, and no http_version for a request over HTTP/1.1', async () => {
  const plain = await client.get('/http/Trailers0')
  const line = await node.waitForRecord((record) => record['id'] === plain.field('x-request-id'))
  expect([line['http_version'], 'grpc_status' in line]).toEqual(['2', false])
  const old = await request(node.port, requestBytes({ target: '/http/Trailers0' }))
  const oldLine = await node.waitForRecord((record) => record['id'] === old.field('x-request-id'))
  expect(['http_version' in oldLine, 'grpc_status' in oldLine]).toEqual([false, false])
  const metrics = await readMetrics(node.adminPort)
  expect(metrics.sum('gatehouse_http2_requests_total', { route: 'http' })).toBe(1)
})

test('the audit log can be searched for the gRPC status of a call', async () => {
  const find = (status: string) =>
    fetch(`http://127.0.0.1:${node.adminPort}/api/v1/audit/records?grpc_status=${status}`, {
      headers: { authorization: `Bearer ${bootstrap}` },
    })
  const { records } = (await (await find('16')).json()) as { records: Record<string, unknown>[] }

  expect(records.map((record) => record['url.path'])).toContain('/demo.Closed/Get')
  expect(new Set(records.map((record) => record['rpc.grpc.status_code']))).toEqual(new Set([16]))
  expect((await find('17')).status).toBe(400)
})
