import { constants } from 'node:http2'
import { expect, test } from 'vitest'
import { Http2Service } from '../kit/http2-service.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { freePorts } from '../kit/ports.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type UpstreamHandler } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// docs/guide/retries.md: when a request is sent again after a failed attempt, and when it is not.

const all = ['connect', 'reset', 'timeout', 500, 502, 503, 504]

/** Starts an upstream that counts the attempts of each request, by its target. */
async function counting(reply: (attempt: number, ...rest: Parameters<UpstreamHandler>) => void) {
  const attempts = new Map<string, number>()
  const upstream = await startUpstream({
    handler: async (received, response, message) => {
      await received.over
      const attempt = (attempts.get(received.url) ?? 0) + 1
      attempts.set(received.url, attempt)
      reply(attempt, received, response, message)
    },
  })
  return Object.assign(upstream, { attemptsOf: (target: string) => attempts.get(target) ?? 0 })
}

/** Replies with the status that the last segment of the path names, until the last attempt, which gets 200. */
const flaky = await counting((attempt, { url }, response) => {
  const [, status, fails, retryAfter] = /\/(\d+)-(\d+)(?:-(\w+))?$/.exec(url)!
  if (attempt > Number(fails)) return void response.end('served')
  if (retryAfter === 'date') response.setHeader('retry-after', new Date(Date.now() + 3_600_000).toUTCString())
  else if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter)
  response.statusCode = Number(status)
  response.end('busy')
})
/** Resets the connection without a reply at the first attempt of each request. */
const resetting = await counting((attempt, _, response, message) => {
  if (attempt === 1) message.socket.resetAndDestroy()
  else response.end('served')
})
/** Sends no reply at the first attempt of each request. */
const silent = await counting((attempt, _, response) => {
  if (attempt > 1) response.end('served')
})
const busy = await startUpstream({
  handler: (_, response) => {
    response.writeHead(503, { 'retry-after': '120' })
    response.end()
  },
})
const healthy = await startUpstream()
/** Replies 503 with a body that never ends, and notes the end of its connections. */
let endlessClosed = 0
const endless = await counting((attempt, _, response) => {
  if (attempt > 1) return void response.end('served')
  response.writeHead(503)
  response.write(Buffer.alloc(64 * 1024))
  response.on('close', () => endlessClosed++)
})
/** HTTP/2 service that resets the stream of each first attempt without a reply. */
const resetting2 = await Http2Service.start({
  onStream: ({ stream, head }) => {
    const attempts = resetting2.received.filter((received) => received.head[':path'] === head[':path']).length
    if (attempts === 1) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    else {
      stream.respond({ ':status': 200 })
      stream.end('served')
    }
  },
})
const [dead] = freePorts(1).map((port) => `http://127.0.0.1:${port}`)

const node = await startNode({
  policy: publicPolicy({
    default: { upstreams: [flaky.url] },
    statuses: { upstreams: [flaky.url], entry: { retry: { on: [502, 503, 504] } } },
    errors: { upstreams: [flaky.url], entry: { retry: { on: [500] } } },
    several: { upstreams: [flaky.url], entry: { retry: { on: [503], attempts: 4 } } },
    route: { upstreams: [flaky.url], entry: { retry: 'none' }, route: { retry: { on: [503] } } },
    posts: { upstreams: [flaky.url], entry: { retry: { on: [503], methods: ['POST', 'DELETE'] } } },
    deadline: { upstreams: [flaky.url], entry: { retry: { on: [503] }, timeouts: { total: '1s' } } },
    resets: { upstreams: [resetting.url] },
    'resets-h2': { upstreams: [resetting2.url], entry: { protocol: 'h2c' } },
    never: { upstreams: [resetting.url], entry: { retry: 'none' } },
    'resets-posts': { upstreams: [resetting.url], entry: { retry: { methods: ['POST'] } } },
    silent: { upstreams: [silent.url], entry: { retry: { on: ['timeout'], per_try: '100ms' } } },
    'silent-posts': {
      upstreams: [silent.url],
      entry: { retry: { on: all, per_try: '100ms' }, timeouts: { first_byte: '300ms' } },
    },
    other: { upstreams: [busy.url, healthy.url], entry: { retry: { on: [503] }, ejection: 'none' } },
    endless: { upstreams: [endless.url], entry: { retry: { on: [503] } } },
    unreached: { upstreams: [dead!], entry: { retry: { attempts: 3 } } },
    'unreached-never': { upstreams: [dead!, healthy.url], entry: { retry: 'none' } },
    limited: {
      upstreams: [flaky.url],
      entry: { retry: { on: [503] } },
      route: { limits: [{ name: 'calls', requests: 10, window: '1h', by: 'address' }] },
    },
    exhausted: { upstreams: [flaky.url], entry: { retry: { on: [503], budget: '0%' } } },
  }),
})

const recordOf = (id: string | undefined) => node.waitForRecord((record) => record['id'] === id)

async function send(target: string, more: Partial<Parameters<typeof requestBytes>[0]> = {}) {
  const reply = await request(node.port, requestBytes({ target, ...more }), { head: more.method === 'HEAD' })
  return { reply, record: await recordOf(reply.field('x-request-id')) }
}

async function countOf(service: string, cause: string, outcome: string): Promise<number> {
  const reading = await readMetrics(node.adminPort)
  return reading.sum('gatehouse_upstream_retries_total', { service, cause, outcome })
}

test.each([
  { target: '/statuses/502-1', status: 200, attempts: 2 },
  { target: '/statuses/503-1', status: 200, attempts: 2 },
  { target: '/statuses/504-1', status: 200, attempts: 2 },
  { target: '/statuses/500-1', status: 500, attempts: 1 },
  { target: '/errors/500-1', status: 200, attempts: 2 },
  { target: '/errors/501-1', status: 501, attempts: 1 },
  { target: '/statuses/503-2', status: 503, attempts: 2 },
  { target: '/several/503-3', status: 200, attempts: 4 },
  { target: '/several/503-4', status: 503, attempts: 4 },
  { target: '/several/502-1', status: 502, attempts: 1 },
  { target: '/route/503-1', status: 200, attempts: 2 },
  { target: '/default/503-1', status: 503, attempts: 1 },
])('GET $target gets status $status after $attempts attempts', async ({ target, status, attempts }) => {
  const { reply, record } = await send(target)

  expect(reply.status).toBe(status)
  expect(reply.text).toBe(status === 200 ? 'served' : 'busy')
  expect(record).toMatchObject({ decision: 'admitted', attempts })
  expect(flaky.attemptsOf(target)).toBe(attempts)
})

test('the connection with a small 503 reply is used again for the next attempt or request', async () => {
  const before = flaky.connections
  for (let n = 0; n < 5; n++) await send(`/statuses/${n}/503-1`)

  // A new attempt may begin before the small reply has arrived completely, so that two connections are in use.
  expect(flaky.connections - before).toBeLessThanOrEqual(2)
})

test('if a 503 reply of a service does not end, the gate closes the connection to the service and sends the request again', async () => {
  const { reply } = await send('/endless/1')

  expect(reply.text).toBe('served')
  await until('the connection with the endless reply is closed', () => endlessClosed === 1)
})

test.each([
  { method: 'HEAD', service: 'statuses', attempts: 2 },
  { method: 'OPTIONS', service: 'statuses', attempts: 2 },
  { method: 'POST', service: 'statuses', attempts: 1 },
  { method: 'PUT', service: 'statuses', attempts: 1 },
  { method: 'DELETE', service: 'statuses', attempts: 1 },
  { method: 'POST', service: 'posts', attempts: 2 },
  { method: 'DELETE', service: 'posts', attempts: 2 },
  { method: 'GET', service: 'posts', attempts: 1 },
  { method: 'POST', service: 'posts', attempts: 2, body: 'x' },
  { method: 'DELETE', service: 'posts', attempts: 2, body: 'x' },
  { method: 'PUT', service: 'posts', attempts: 1, body: 'x' },
  { method: 'GET', service: 'statuses', attempts: 1, body: 'x' },
])(
  'after a 503, $method to service $service with body $body is sent $attempts times in total',
  async ({ method, service, attempts, body }) => {
    const target = `/${service}/${method}${body ?? ''}/503-1`
    const { reply, record } = await send(target, { method, ...(body !== undefined && { body }) })

    expect(reply.status).toBe(attempts === 2 ? 200 : 503)
    expect(record).toMatchObject({ attempts })
    expect(flaky.attemptsOf(target)).toBe(attempts)
  },
)

test.each([
  { target: '/resets/get', method: 'GET', attempts: 2 },
  { target: '/resets/post', method: 'POST', attempts: 1 },
  { target: '/resets/empty-post', method: 'POST', attempts: 1, body: '' },
  { target: '/resets/delete', method: 'DELETE', attempts: 1 },
  { target: '/never/get', method: 'GET', attempts: 1 },
  { target: '/resets-posts/post', method: 'POST', attempts: 2 },
  { target: '/resets-posts/post-with-body', method: 'POST', attempts: 2, body: 'x' },
  { target: '/resets-posts/get', method: 'GET', attempts: 1 },
])(
  'a service whose connection is reset after $method $target receives it $attempts times',
  async ({ target, method, attempts, body }) => {
    const { reply, record } = await send(target, { method, ...(body !== undefined && { body }) })

    expect(reply.status).toBe(attempts === 2 ? 200 : 502)
    expect(record).toMatchObject({ attempts })
    expect(resetting.attemptsOf(target)).toBe(attempts)
  },
)

test.each([
  { method: 'GET', attempts: 2 },
  { method: 'POST', attempts: 1 },
])(
  'a $method whose HTTP/2 stream the service resets without a reply is sent $attempts times in total',
  async ({ method, attempts }) => {
    const target = `/resets-h2/${method}`
    const { reply, record } = await send(target, { method })

    expect(reply.status).toBe(attempts === 2 ? 200 : 502)
    expect(record).toMatchObject({ attempts })
    expect(resetting2.received.filter(({ head }) => head[':path'] === target)).toHaveLength(attempts)
  },
)

test('a GET without a reply within per_try is sent again, and its connection is closed', async () => {
  const { reply, record } = await send('/silent/1')

  expect(reply.text).toBe('served')
  expect(record).toMatchObject({ attempts: 2 })
  await until('the first attempt was cancelled', () =>
    silent.requests.some(({ url, aborted }) => url === '/silent/1' && aborted),
  )
  expect(await countOf('silent', 'timeout', 'retried')).toBe(1)
})

test('a POST without a reply is not sent again, and per_try does not apply to it', async () => {
  const { reply, record } = await send('/silent-posts/1', { method: 'POST' })

  expect(reply.status).toBe(504)
  expect(record).toMatchObject({ attempts: 1, reason: 'upstream-timeout' })
  expect(silent.attemptsOf('/silent-posts/1')).toBe(1)
})

test('a request that one upstream answers with 503 and Retry-After: 120 is sent to the other upstream at once', async () => {
  const replies = await Promise.all(Array.from({ length: 20 }, (_, n) => send(`/other/${n}`)))

  expect(replies.map(({ reply }) => reply.status)).toEqual(Array(20).fill(200))
  expect(replies.some(({ record }) => record['attempts'] === 2)).toBe(true)
})

test.each([
  { target: '/statuses/503-1-0', status: 200, attempts: 2, kept: undefined },
  { target: '/statuses/503-1-1', status: 200, attempts: 2, kept: undefined },
  { target: '/statuses/503-1-2', status: 503, attempts: 1, kept: '2' },
  { target: '/statuses/503-1-soon', status: 200, attempts: 2, kept: undefined },
  { target: '/deadline/503-1-1', status: 503, attempts: 1, kept: '1' },
])(
  'with one upstream, a GET of $target (status-failures-Retry-After) gets status $status after $attempts attempts',
  async ({ target, status, attempts, kept }) => {
    const { reply, record } = await send(target)

    expect(reply.status).toBe(status)
    expect(reply.field('retry-after')).toBe(kept)
    expect(record).toMatchObject({ attempts })
  },
)

test('with one upstream, a 503 with a Retry-After date in an hour passes to the client', async () => {
  const { reply, record } = await send('/statuses/503-1-date')

  expect(reply.status).toBe(503)
  expect(reply.field('retry-after')).toMatch(/GMT$/)
  expect(record).toMatchObject({ attempts: 1 })
  expect(await countOf('statuses', '503', 'not-in-time')).toBeGreaterThanOrEqual(1)
})

test('the only upstream is tried again after a refused connection, up to `attempts` times, for every method', async () => {
  for (const method of ['GET', 'POST']) {
    const { reply, record } = await send('/unreached/1', { method, ...(method === 'POST' && { body: 'x' }) })
    expect(reply.status).toBe(502)
    expect(record).toMatchObject({ attempts: 3, reason: 'upstream-unreachable' })
  }
})

test('with retry: none, no other upstream is tried after a refused connection', async () => {
  let failed: Awaited<ReturnType<typeof send>> | undefined
  await until('a request was given to the upstream that refuses connections', async () => {
    const sent = await send('/unreached-never/1')
    if (sent.reply.status === 502) failed = sent
    return failed !== undefined
  })
  expect(failed!.record).toMatchObject({ attempts: 1, reason: 'upstream-unreachable' })
})

test('when the retry budget is exhausted, the client gets the 503 of the service', async () => {
  const statuses: number[] = []
  await until('the budget is exhausted', async () => {
    const sent = await Promise.all(
      Array.from({ length: 20 }, (_, n) => send(`/exhausted/${statuses.length + n}/503-1`)),
    )
    statuses.push(...sent.map(({ reply }) => reply.status))
    return statuses.includes(503)
  })
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(30)
  const [retried, exhausted] = await Promise.all(
    ['retried', 'budget-exhausted'].map((outcome) => countOf('exhausted', '503', outcome)),
  )
  expect(retried).toBe(statuses.filter((status) => status === 200).length)
  expect(exhausted).toBe(statuses.filter((status) => status === 503).length)
})

test('a client that disconnects during the wait before a retry causes no further attempt', async () => {
  const before = await countOf('statuses', '503', 'retried')
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: '/statuses/gone/503-1-1' }))
  await until('the first attempt was made', () => flaky.attemptsOf('/statuses/gone/503-1-1') === 1)
  await until('the gate has decided to retry', async () => (await countOf('statuses', '503', 'retried')) > before)
  wire.reset()

  const record = await node.waitForRecord(({ path }) => path === '/statuses/gone/503-1-1')
  expect(record).toMatchObject({ reason: 'client-gone', attempts: 1 })
  // A later request that waits as long proves that the wait of the first one is over.
  expect((await send('/statuses/later/503-1-1')).reply.status).toBe(200)
  expect(flaky.attemptsOf('/statuses/gone/503-1-1')).toBe(1)
})

test('a request that is sent twice counts once for its limits, and is logged once', async () => {
  for (const n of [1, 2, 3]) {
    const target = `/limited/${n}/503-1`
    const { reply, record } = await send(target)
    expect(record).toMatchObject({ attempts: 2, decision: 'admitted' })
    expect(reply.field('ratelimit')).toContain(`;r=${10 - n}`)
    expect(node.accessLog().filter(({ path }) => path === target)).toHaveLength(1)
  }
})
