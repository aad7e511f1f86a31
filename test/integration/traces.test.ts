import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNameServer } from '../kit/name-server.ts'
import { startNode } from '../kit/node.ts'
import { type OtlpReceiver, type OtlpSpan, startOtlpReceiver } from '../kit/otlp-receiver.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import { until } from '../kit/until.ts'
import { type ReceivedRequest, startUpstream } from '../kit/upstream.ts'

// docs/design/contract.md §6, §12: a trace continues through the gate to the service, and its spans have decision and
// reason.

const [receiver, issuer, orders] = await Promise.all([startOtlpReceiver(), startIssuer(), startUpstream()])
/** Origin without a listener. Port 1 is never assigned to a test server. */
const closed = 'http://127.0.0.1:1'
const node = await startNode({
  policy: testPolicy({
    issuer: issuer.url,
    orders: orders.url,
    ordersEntry: {
      routes: [
        { id: 'orders.read', match: { path: '/orders/**' }, require: { scopes: { all: ['orders:read'] } } },
        { id: 'orders.public', match: { path: '/public/**' }, require: 'public' },
        {
          id: 'orders.moved',
          match: { path: '/moved/**' },
          require: 'public',
          rewrite: { strip_prefix: '/moved' },
        },
        {
          id: 'orders.wary',
          match: { path: '/tried/**' },
          require: 'public',
          shadow: { require: { scopes: { all: ['x'] } } },
        },
      ],
    },
  }),
  settings: { telemetry: { traces: { endpoint: receiver.url, sample: 1 } } },
})

const client = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' }
const sampled = ['traceparent', `00-${client.trace}-${client.span}-01`] as const

/** Number of traces started so far; makes each trace id unique. */
let traces = 0
function begun(): { trace: string; fields: [readonly [string, string]] } {
  const trace = (++traces).toString(16).padStart(32, 'c')
  return { trace, fields: [['traceparent', `00-${trace}-${client.span}-01`]] }
}

async function spansOf(trace: string, from: OtlpReceiver = receiver): Promise<OtlpSpan[]> {
  return from.waitFor(`trace ${trace}`, ({ spans }) => {
    const found = spans.filter(({ traceId }) => traceId === trace)
    return found.some(({ kind }) => kind === 2) ? found : undefined
  })
}

async function get(target: string, fields: readonly (readonly [string, string])[], token?: string): Promise<RawReply> {
  return request(node.port, requestBytes({ target, fields, ...(token !== undefined && { token }) }))
}

const of = (spans: readonly OtlpSpan[], name: string) => spans.find((span) => span.name === name)!

test('a trace contains the span of the client, the spans of the gate and the span of the service', async () => {
  expect((await get('/orders/1?q=1', [sampled], issuer.sign())).status).toBe(200)
  const received: ReceivedRequest = await orders.next()
  const spans = await spansOf(client.trace)
  const server = of(spans, 'GET /orders/**')
  const upstream = of(spans, 'GET')

  expect(server).toMatchObject({ parentSpanId: client.span, kind: 2, status: { code: 0 } })
  expect(upstream).toMatchObject({ parentSpanId: server.spanId, kind: 3, status: { code: 0 } })
  expect(received.all('traceparent')).toEqual([`00-${client.trace}-${upstream.spanId}-01`])
  for (const name of ['authenticate', 'limit', 'credential']) {
    expect(of(spans, name)).toMatchObject({ parentSpanId: server.spanId, kind: 1 })
  }
  for (const { start, end } of spans) {
    expect(start >= server.start && end <= server.end && end >= start).toBe(true)
  }
  expect(of(spans, 'credential').end <= upstream.start).toBe(true)
})

test('the client span of a request with a rewritten path has the rewritten path', async () => {
  const { trace, fields } = begun()
  await get('/moved/here', fields)
  const spans = await spansOf(trace)

  expect(of(spans, 'GET /moved/**').attributes).toMatchObject({ 'url.path': '/moved/here' })
  expect(of(spans, 'GET').attributes).toMatchObject({ 'url.full': `${orders.url}/here` })
})

test('span attributes follow the semantic conventions and match the access log', async () => {
  const { trace, fields } = begun()
  await get('/orders/1?q=secret', fields, issuer.sign())
  const spans = await spansOf(trace)
  const record = await node.waitForRecord((line) => line['trace_id'] === trace)
  const server = of(spans, 'GET /orders/**')

  expect(server.attributes).toMatchObject({
    'http.request.method': 'GET',
    'http.route': '/orders/**',
    'http.response.status_code': 200,
    'url.scheme': 'http',
    'url.path': '/orders/1',
    'server.address': 'api.test',
    'client.address': '127.0.0.1',
    'gatehouse.decision': record['decision'],
    'gatehouse.reason': record['reason'],
    'gatehouse.node': 'node-under-test',
    'gatehouse.request.id': record['id'],
    'gatehouse.service': 'orders',
    'gatehouse.route': 'orders.read',
    'gatehouse.policy.revision': record['revision'],
    'gatehouse.issuer': issuer.url,
    'gatehouse.client': 'reader',
  })
  expect(of(spans, 'GET').attributes).toMatchObject({
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'url.full': `${orders.url}/orders/1`,
    'server.address': '127.0.0.1',
    'server.port': orders.port,
  })
  expect(record['span_id']).toBe(server.spanId)
  expect(server.resource).toMatchObject({ 'service.name': 'gatehouse', 'service.instance.id': 'node-under-test' })
})

test.each<{ title: string; target: string; token: (() => string) | undefined; reason: string; span?: string }>([
  {
    title: 'without a token',
    target: '/orders/1',
    token: undefined,
    reason: 'credential-missing',
    span: 'read-credential',
  },
  {
    title: 'with a forged token',
    target: '/orders/1',
    token: () => `${issuer.sign().slice(0, -8)}AAAAAAAA`,
    reason: 'token-signature',
    span: 'authenticate',
  },
  {
    title: 'without the scope',
    target: '/orders/1',
    token: () => issuer.sign({ claims: { scope: 'x' } }),
    reason: 'scope-missing',
    span: 'authorize',
  },
  { title: 'without a matching route', target: '/nowhere', token: undefined, reason: 'route-unknown' },
  { title: 'with an ambiguous path', target: '/orders/../x', token: undefined, reason: 'path-dot-segment' },
])('the trace of a request $title has the reason of the refusal', async ({ target, token, reason, span }) => {
  const { trace, fields } = begun()
  const reply = await get(target, fields, token?.())
  const spans = await spansOf(trace)
  const server = spans.find(({ kind }) => kind === 2)!

  expect(server).toMatchObject({ parentSpanId: client.span, status: { code: 0 } })
  expect(server.attributes).toMatchObject({
    'gatehouse.decision': 'refused',
    'gatehouse.reason': reason,
    'http.response.status_code': reply.status,
  })
  expect(spans.filter(({ kind }) => kind === 3)).toEqual([])
  if (span !== undefined) expect(of(spans, span).attributes).toEqual({ 'gatehouse.reason': reason })
})

test('spans of a request to an unreachable service have an error status with the reason of the access log', async () => {
  const alone = await startNode({
    policy: testPolicy({ issuer: issuer.url, orders: closed }),
    settings: { telemetry: { traces: { endpoint: receiver.url, sample: 1 } } },
  })
  const { trace, fields } = begun()
  await request(alone.port, requestBytes({ target: '/public/1', fields }))
  const spans = await spansOf(trace)
  const error = { status: { code: 2, message: 'upstream-unreachable' } }

  expect(of(spans, 'GET /public/**')).toMatchObject(error)
  expect(of(spans, 'GET')).toMatchObject(error)
  expect(of(spans, 'GET').attributes['error.type']).toBe('upstream-unreachable')
  expect(of(spans, 'GET /public/**').attributes).toMatchObject({
    'gatehouse.decision': 'failed',
    'error.type': 'upstream-unreachable',
  })
})

test('the trace of a request that was sent three times has a span for each failed attempt, with its cause', async () => {
  const flaky = await startUpstream()
  flaky.handler = (_, response) => void response.writeHead(flaky.requests.length > 2 ? 200 : 503).end()
  const alone = await startNode({
    policy: testPolicy({
      issuer: issuer.url,
      orders: flaky.url,
      ordersEntry: { retry: { on: [503], attempts: 3 } },
    }),
    settings: { telemetry: { traces: { endpoint: receiver.url, sample: 1 } } },
  })
  const { trace, fields } = begun()
  await request(alone.port, requestBytes({ target: '/public/1', fields }))
  const spans = await spansOf(trace)
  const failed = spans.filter(({ name }) => name === 'failed attempt')
  const upstream = of(spans, 'GET')

  expect(failed).toHaveLength(2)
  for (const { attributes, start, end } of failed) {
    expect(attributes).toEqual({ 'error.type': '503', 'server.address': '127.0.0.1', 'server.port': flaky.port })
    expect(start >= upstream.start && end >= start && end <= upstream.end).toBe(true)
  }
  expect(upstream.attributes).toMatchObject({ 'http.request.resend_count': 2, 'http.response.status_code': 200 })
})

test('the span of the upstream call has the address of the name of the upstream', async () => {
  const orders = await startUpstream()
  const names = await startNameServer()
  names.addresses = ['127.0.0.1']
  const named = await startNode({
    policy: testPolicy({ issuer: issuer.url, orders: `http://orders.test:${orders.port}` }),
    settings: {
      telemetry: { traces: { endpoint: receiver.url, sample: 1 } },
      upstream_dns: { servers: [`127.0.0.1:${names.port}`] },
    },
  })
  await until('the name is resolved', async () => {
    const metrics = await readMetrics(named.adminPort)
    return metrics.sum('gatehouse_upstream_lookups_total', { name: 'orders.test', result: 'resolved' }) > 0
  })
  const { trace, fields } = begun()
  await request(named.port, requestBytes({ target: '/public/1', fields }))

  expect(of(await spansOf(trace), 'GET').attributes).toMatchObject({
    'server.address': 'orders.test',
    'network.peer.address': '127.0.0.1',
  })
})

test('the trace of a route with a shadow requirement has the shadow reason', async () => {
  const { trace, fields } = begun()
  await get('/tried/1', fields)
  const [server] = (await spansOf(trace)).filter(({ kind }) => kind === 2)

  expect(server!.attributes).toMatchObject({
    'gatehouse.decision': 'admitted',
    'gatehouse.shadow': 'credential-missing',
  })
})

test('a request without traceparent starts a new trace at the gate', async () => {
  orders.requests.length = 0
  await get('/public/alone', [])
  const received = orders.requests.at(-1)!
  const [, trace, parent] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(received.all('traceparent')[0]!)!
  const spans = await spansOf(trace!)

  expect(of(spans, 'GET /public/**').parentSpanId).toBe('')
  expect(of(spans, 'GET').spanId).toBe(parent)
})
