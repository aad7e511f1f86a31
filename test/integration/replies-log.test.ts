import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { startIssuer, TestIssuer, testAudience } from '../kit/issuer.ts'
import type { LogRecord } from '../kit/log-lines.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { exchange, request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { signingKey } from '../kit/signing-key.ts'
import { startUpstream } from '../kit/upstream.ts'

// Access log: one line per exchange, which no client can forge or split (CWE-117) and which has no secret (CWE-532).
// Error replies: no details of the implementation (CWE-209).

const [issuer, upstream, broken, silent] = await Promise.all([
  startIssuer(),
  startUpstream(),
  rawUpstream('HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n'),
  rawUpstream(async (wire) => {
    await wire.rest(60_000)
  }),
])
const downPort = freePort()
const absent = new TestIssuer({ port: freePort() })

const entry = (url: string) => ({ issuer: url, audience: [testAudience] })
const service = (name: string, url: string, more: object = {}) => ({
  issuers: ['main'],
  upstreams: [url],
  ...more,
  routes: [{ id: name, match: { path: `/${name}/**` }, require: { scopes: { all: ['orders:read'] } } }],
})
const policy = {
  version: 1,
  issuers: { main: entry(issuer.url), absent: entry(absent.url) },
  services: {
    orders: service('orders', upstream.url),
    down: service('down', `http://127.0.0.1:${downPort}`),
    broken: service('broken', broken.url),
    silent: service('silent', silent.url, { timeouts: { first_byte: '200ms' } }),
    foreign: service('foreign', upstream.url, { issuers: ['absent'] }),
    strict: {
      upstreams: [upstream.url],
      issuers: ['main'],
      chunked: 'refuse',
      routes: [
        { id: 'strict', match: { path: '/strict' }, require: 'public', body: { max: '1KiB' } },
        { id: 'far', match: { path: '/far' }, require: 'public', addresses: { allow: ['10.0.0.0/8'] } },
        { id: 'get', match: { path: '/get', methods: ['GET'] }, require: 'public' },
      ],
    },
  },
}
const node = await startNode({ policy })
// Waits for the log lines of the start, so that all further lines belong to exchanges.
await node.waitForLine(({ msg, issuer }) => msg === 'issuer keys loaded' && issuer === 'main')
await node.waitForLine(({ msg, issuer }) => msg === 'issuer keys cannot be fetched' && issuer === 'absent')

/** Returns the raw lines that the node logs during `work`. At most 50, because `dump()` keeps no more. */
async function linesDuring(work: () => Promise<unknown>): Promise<string[]> {
  const first = await mark()
  await work()
  const last = await mark()
  const lines = node.dump().split('\n')
  const [from, to] = [first, last].map((id) => lines.findIndex((line) => line.includes(id))) as [number, number]
  expect(from).toBeGreaterThan(0)
  return lines.slice(from + 1, to)
}

/** Makes the node log a line with a unique path, and returns the path. */
async function mark(): Promise<string> {
  const path = `/.gatehouse/${randomUUID()}`
  await request(node.port, requestBytes({ target: path }))
  await node.waitForRecord((record) => record['path'] === path)
  return path
}

function recordsIn(lines: readonly string[]): LogRecord[] {
  // JSON permits some of these characters unescaped, but log readers may treat them as line ends or control codes.
  for (const line of lines) expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/)
  return lines.map((line) => JSON.parse(line))
}

const hostile = [
  'a\nb',
  'a\r\n{"msg":"exchange","decision":"admitted"}',
  '"',
  '\\',
  '\\"},{"x":"',
  '\u0000\u0001\u001f',
  '\u007f\u0085\u009f',
  'a\u2028b\u2029c',
  '\u001b]0;title\u0007',
  '\u202etxt.exe',
  '<img src=x onerror=alert(1)>',
  '=cmd()',
  '🜁 Zoë',
  '%0a%0d',
  '__proto__',
]

test('S-141: hostile characters in sub and client_id do not break the JSON lines of the access log, which has the exact values', async () => {
  // A token whose sub has a control character is refused.
  const valid = (name: string): boolean => !/\p{Cc}/u.test(name)
  const lines = await linesDuring(async () => {
    for (const name of hostile) {
      const claims = { sub: name, client_id: name }
      const reply = await request(node.port, requestBytes({ target: '/orders/1', token: issuer.sign({ claims }) }))
      expect([name, reply.status]).toEqual([name, valid(name) ? 200 : 401])
    }
  })

  const records = recordsIn(lines)
  const expected = hostile.map((name) => (valid(name) ? name : undefined))
  expect(records.map(({ subject }) => subject)).toEqual(expected)
  expect(records.map(({ client }) => client)).toEqual(expected)
})

test('S-141: hostile characters in a request head do not break the JSON lines of the access log', async () => {
  const utf8 = (text: string) => Buffer.from(text).toString('latin1')
  const heads = [
    'GET /orders/"1" HTTP/1.1\r\nHost: a',
    'GET /orders/\\"},{"x":" HTTP/1.1\r\nHost: a',
    'GET /orders/%0a%0d%00%22 HTTP/1.1\r\nHost: a',
    'GET /orders/%E2%80%A8 HTTP/1.1\r\nHost: a',
    `GET /orders/${utf8('\u2028')} HTTP/1.1\r\nHost: a`,
    'GET /orders/\x7f\x85 HTTP/1.1\r\nHost: a',
    'GET /orders/1?\\"} HTTP/1.1\r\nHost: a',
    'GE"T\\ /orders/1 HTTP/1.1\r\nHost: a',
    '{"level":"error"} /orders/1 HTTP/1.1\r\nHost: a',
    'GET /orders/1 HTTP/1.1\r\nHost: a","decision":"admitted',
    'GET /orders/1 HTTP/1.1\r\nHost: \\',
    `GET /orders/1 HTTP/1.1\r\nHost: a${utf8('\u2028')}b`,
    'GET /orders/1 HTTP/1.1\r\nHost: a\tb',
    'GET /orders/1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: a","decision":"admitted',
    'GET /orders/1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: \\',
    `GET /orders/1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${utf8('\u2028')}`,
    `GET /orders/1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${'a'.repeat(129)}`,
  ]
  const replies: RawReply[] = []
  const lines = await linesDuring(async () => {
    for (const head of heads) replies.push(...(await exchange(node.port, `${head}\r\n\r\n`)).replies)
  })

  // The listener replies to some of these heads itself, without an exchange.
  expect(lines.length).toBeGreaterThan(heads.length / 2)
  for (const { status } of replies) expect(status).toBeGreaterThanOrEqual(400)
  for (const record of recordsIn(lines)) {
    expect(record).toMatchObject({ msg: 'exchange', decision: 'refused', id: expect.stringMatching(/^[\w.-]+$/) })
  }
})

test('a valid X-Request-Id of the client is in the log, in the request to the service and in the reply', async () => {
  const id = `Aa0._-${'x'.repeat(122)}`
  const bytes = requestBytes({ target: '/orders/1', token: issuer.sign(), fields: [['X-Request-Id', id]] })
  const reply = await request(node.port, bytes)

  expect(reply.field('x-request-id')).toBe(id)
  expect(await node.waitForRecord((record) => record['id'] === id)).toMatchObject({ decision: 'admitted', status: 200 })
  expect(upstream.requests.filter((received) => received.all('x-request-id').includes(id))).toHaveLength(1)
})

test('the access log line of an admitted exchange has exactly the documented fields', async () => {
  const target = `/orders/${randomUUID()}`
  await request(node.port, requestBytes({ method: 'PUT', target, token: issuer.sign(), body: 'four' }))

  expect(await node.waitForRecord(({ path }) => path === target)).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    level: 'info',
    msg: 'exchange',
    node: 'node-under-test',
    id: expect.any(String),
    decision: 'admitted',
    reason: 'admitted',
    status: 200,
    method: 'PUT',
    host: 'api.test',
    path: target,
    service: 'orders',
    route: 'orders',
    revision: expect.stringMatching(/^[0-9a-f]{12}$/),
    issuer: 'main',
    subject: 'alice',
    client: 'reader',
    address: '127.0.0.1',
    bytes_in: 4,
    bytes_out: expect.any(Number),
    gate_ms: expect.any(Number),
    total_ms: expect.any(Number),
    upstream: upstream.url,
    upstream_ms: expect.any(Number),
    attempts: 1,
    trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
  })
})

const secrets = {
  query: `query-${randomUUID()}`,
  code: `code-${randomUUID()}`,
  cookie: `cookie-${randomUUID()}`,
  basic: Buffer.from(`user:${randomUUID()}`).toString('base64'),
  body: `body-${randomUUID()}`,
  opaque: `opaque-${randomUUID()}`,
}

test('S-143: no log line has a token, query, cookie, code or body, for admitted, refused and failed exchanges', async () => {
  const tokens = [
    issuer.sign(),
    issuer.sign({ key: signingKey('ES256') }),
    issuer.sign({ claims: { exp: 1 } }),
    issuer.sign({ claims: { scope: '' } }),
    issuer.sign({ header: { alg: 'none' } }),
    secrets.opaque,
  ]
  const fields = [
    ['Referer', `https://app.test/?code=${secrets.code}`],
    ['Cookie', `session=${secrets.cookie}`],
    ['X-Api-Key', secrets.cookie],
  ] as const
  const query = `token=${secrets.query}&code=${secrets.code}`
  const send = (target: string, parts: object) => request(node.port, requestBytes({ target, fields, ...parts }))
  const lines = await linesDuring(async () => {
    for (const token of tokens) {
      for (const path of ['/orders/1', '/far', '/nowhere']) await send(`${path}?${query}`, { token })
    }
    for (const path of ['/down/1', '/broken/1', '/silent/1']) await send(`${path}?${query}`, { token: tokens[0] })
    await send(`/foreign/1?${query}`, { token: absent.sign() })
    await send('/orders/1', { method: 'POST', token: tokens[0], body: secrets.body })
    await send(`/orders/1?access_token=${tokens[0]}`, {})
    await send(`/orders/1?access_token=${tokens[0]}`, { token: tokens[0] })
    await send('/orders/1', { fields: [['Authorization', `Basic ${secrets.basic}`]] })
    await send('/orders/1', { fields: [['Authorization', secrets.opaque]] })
    await exchange(node.port, `GET /orders/1?${query}\x80 HTTP/1.1\r\nHost: a\r\n\r\n`)
  })
  const log = lines.join('\n')

  const parts = tokens.flatMap((token) => token.split('.').filter((part) => part.length > 20))
  const assertions = upstream.requests.flatMap((received) => received.all('x-gatehouse-jwt-assertion'))
  expect(parts.length).toBeGreaterThan(15)
  expect(assertions.length).toBeGreaterThan(0)
  for (const secret of [...Object.values(secrets), ...parts, ...assertions]) expect(log).not.toContain(secret)
})

/** Texts that would reveal to a client the software of the gate or the upstreams behind it. */
const revealing = [
  /\bat [^ ]+ \(|\bat file:|node:internal|node_modules|\.[mc]?[jt]s\b/,
  /undici|uwebsockets|\bjose\b|\bnode\b|v8/i,
  /\bE[A-Z]{5,}\b|\bUND_ERR|\bHPE_|\b[A-Z]\w*(?:Error|Fault)\b/,
  new RegExp([upstream.port, broken.port, silent.port, downPort, absent.port].map((port) => `:${port}\\b`).join('|')),
]

const token = issuer.sign()
test.each([
  { title: 'no token', bytes: requestBytes({ target: '/orders/1' }), status: 401, code: 'credential_required' },
  {
    title: 'an invalid token',
    bytes: requestBytes({ target: '/orders/1', token: 'x' }),
    status: 401,
    code: 'invalid_token',
  },
  {
    title: 'a missing scope',
    bytes: requestBytes({ target: '/orders/1', token: issuer.sign({ claims: { scope: '' } }) }),
    status: 403,
    code: 'insufficient_scope',
  },
  { title: 'a refused address', bytes: requestBytes({ target: '/far' }), status: 403, code: 'forbidden' },
  {
    title: 'two credentials',
    bytes: requestBytes({ target: '/orders/1?access_token=x', token }),
    status: 400,
    code: 'invalid_request',
  },
  { title: 'a malformed Host', bytes: requestBytes({ target: '/get', host: 'a b' }), status: 400, code: 'bad_request' },
  { title: 'an ambiguous path', bytes: requestBytes({ target: '/a/../b' }), status: 400, code: 'ambiguous_path' },
  {
    title: 'an unknown method',
    bytes: requestBytes({ method: 'BREW', target: '/get' }),
    status: 400,
    code: 'bad_request',
  },
  { title: 'a path without a route', bytes: requestBytes({ target: '/nowhere' }), status: 404, code: 'not_found' },
  {
    title: 'a method that no route maps',
    bytes: requestBytes({ method: 'PUT', target: '/get' }),
    status: 405,
    code: 'method_not_allowed',
  },
  {
    title: 'a chunked upload',
    bytes: requestBytes({ method: 'POST', target: '/strict', fields: [['Transfer-Encoding', 'chunked']] }),
    status: 411,
    code: 'length_required',
  },
  {
    title: 'a body above the limit',
    bytes: requestBytes({ method: 'POST', target: '/strict', body: 'b'.repeat(2000) }),
    status: 413,
    code: 'body_too_large',
    detail: expect.stringMatching(/^the maximum size of the body is \S+, and the body has 2000 bytes$/),
  },
  {
    title: 'a target above the limit',
    bytes: requestBytes({ target: `/${'a'.repeat(9000)}` }),
    status: 414,
    code: 'uri_too_long',
    detail: expect.stringMatching(
      /^the maximum length of path and query is 8192 characters, and the request has 9001$/,
    ),
  },
  {
    title: 'gRPC',
    bytes: requestBytes({ target: '/get', fields: [['Content-Type', 'application/grpc']] }),
    status: 415,
    code: 'grpc_not_supported',
    detail: 'gRPC needs POST over HTTP/2: send it to the port of listen_h2',
  },
  {
    title: 'an unknown Expect',
    bytes: requestBytes({ target: '/get', fields: [['Expect', 'the-unexpected']] }),
    status: 417,
    code: 'expectation_failed',
  },
  {
    title: 'a head above the limit',
    bytes: requestBytes({ target: '/get', fields: [['X-Pad', 'p'.repeat(40_000)]] }),
    status: 431,
    code: 'head_too_large',
    detail: expect.stringMatching(/^the maximum size of the request head is 32KiB, and the head has \d+ bytes$/),
  },
  {
    title: 'a WebSocket handshake on a route without WebSocket',
    bytes: requestBytes({
      target: '/get',
      fields: [
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
        ['Sec-WebSocket-Version', '13'],
        ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ],
    }),
    status: 501,
    code: 'upgrade_not_supported',
  },
  {
    title: 'a WebSocket handshake without a key',
    bytes: requestBytes({ target: '/get', fields: [['Upgrade', 'websocket']] }),
    status: 400,
    code: 'bad_request',
  },
  {
    title: 'an upstream that is down',
    bytes: requestBytes({ target: '/down/1', token }),
    status: 502,
    code: 'bad_gateway',
  },
  {
    title: 'an upstream with an invalid Content-Length',
    bytes: requestBytes({ target: '/broken/1', token }),
    status: 502,
    code: 'bad_gateway',
  },
  {
    title: 'an upstream that does not reply',
    bytes: requestBytes({ target: '/silent/1', token }),
    status: 504,
    code: 'gateway_timeout',
  },
  {
    title: 'an issuer that is down',
    bytes: requestBytes({ target: '/foreign/1', token: absent.sign() }),
    status: 503,
    code: 'unavailable',
  },
])(
  'S-146: a $status reply of the gate contains its error code and the request id, and no details of the gate: $title',
  async ({ bytes, status, code, detail }) => {
    const reply = await request(node.port, bytes)

    expect(reply.status).toBe(status)
    const id = reply.field('x-request-id')
    expect(reply.json()).toEqual({
      type: `urn:gatehouse:problem:${code}`,
      title: expect.any(String),
      status,
      code,
      ...(detail !== undefined && { detail }),
      instance: id,
    })
    // The id is removed, because its random characters could match a pattern.
    const replyText = [reply.reason, ...reply.fields.flat(), reply.text].join('\n').replaceAll(id!, '')
    for (const pattern of revealing) expect(replyText).not.toMatch(pattern)
    // The access log line has the id of the reply.
    expect(await node.waitForRecord((record) => record['id'] === id)).toMatchObject({ status })
  },
)
