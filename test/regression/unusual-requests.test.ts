import { expect, test } from 'vitest'
import { connect, request } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startTokenNode } from './token-node.ts'

// Valid but unusual requests that the gate must not reject. Each request reaches its service complete.

const upstream = await startUpstream()
const { node, token } = await startTokenNode(upstream.url)

const repeated = (count: number, text: (index: number) => string) => Array.from({ length: count }, (_, n) => text(n))
const fieldBytes = (lines: readonly string[]) => lines.reduce((sum, line) => sum + line.length + 2, 0)

/** Returns fields that fill a request head to 16 KiB, together with the request line, Host and the token. */
function filledHead(): string[] {
  const start = fieldBytes(['GET /s/1 HTTP/1.1', 'Host: api.test', `Authorization: Bearer ${token}`, ''])
  const lines = repeated(15, (n) => `X-Long-${n}: ${'v'.repeat(1000)}`)
  return [...lines, `X-Rest: ${'v'.repeat(16 * 1024 - start - fieldBytes(lines) - 'X-Rest: '.length - 2)}`]
}

interface Case {
  readonly line?: string
  /** First fields of the request head. Default: `Host` and `Authorization` with a token. */
  readonly first?: readonly string[]
  readonly fields?: readonly string[]
  readonly body?: string
  /** Request target that the service must receive. Default: `/s/1`. */
  readonly url?: string
  readonly bytes?: number
  readonly sees?: readonly (readonly [name: string, value: string])[]
}

const cases: Record<string, Case> = {
  'a head of 16 KiB': { fields: filledHead() },
  '90 fields': {
    fields: repeated(88, (n) => `X-Field-${n}: ${n}`),
    sees: repeated(88, (n) => `${n}`).map((n) => [`x-field-${n}`, n]),
  },
  'a target of 8 KiB': { line: `GET /s/${'x'.repeat(8189)} HTTP/1.1`, url: `/s/${'x'.repeat(8189)}` },
  '1,000 parameters': {
    line: `GET /s/1?${repeated(1000, (n) => `p=${n % 10}`).join('&')} HTTP/1.1`,
    url: `/s/1?${repeated(1000, (n) => `p=${n % 10}`).join('&')}`,
  },
  '* in path and query': { line: 'GET /s/*?*=* HTTP/1.1', url: '/s/*?*=*' },
  'a query with unescaped special characters': {
    line: `GET /s/1?a[]=<>"{}|\\^\`&%zz&?/../;# HTTP/1.1`,
    url: `/s/1?a[]=<>"{}|\\^\`&%zz&?/../;#`,
  },
  'an empty query': { line: 'GET /s/1? HTTP/1.1', url: '/s/1?' },
  'percent-encoded UTF-8': {
    line: 'GET /s/%E2%82%AC/caf%C3%A9/%F0%9F%98%80 HTTP/1.1',
    url: '/s/%E2%82%AC/caf%C3%A9/%F0%9F%98%80',
  },
  'sub-delimiters, @ and : in the path': { line: "GET /s/a:b@c/!$&'()*+,= HTTP/1.1", url: "/s/a:b@c/!$&'()*+,=" },
  'a path that ends in a slash': { line: 'GET /s/1/ HTTP/1.1', url: '/s/1/' },
  'a path equal to the route prefix': { line: 'GET /s HTTP/1.1', url: '/s' },
  'the route prefix and a slash': { line: 'GET /s/ HTTP/1.1', url: '/s/' },
  OPTIONS: {
    line: 'OPTIONS /s/1 HTTP/1.1',
    fields: ['Origin: https://a.example', 'Access-Control-Request-Method: PUT'],
  },
  'PUT with Content-Length 0': { line: 'PUT /s/1 HTTP/1.1', fields: ['Content-Length: 0'], bytes: 0 },
  'PUT without Content-Length': { line: 'PUT /s/1 HTTP/1.1', bytes: 0 },
  'PATCH with an empty chunked body': {
    line: 'PATCH /s/1 HTTP/1.1',
    fields: ['Transfer-Encoding: chunked'],
    body: '0\r\n\r\n',
    bytes: 0,
  },
  'DELETE with a body': { line: 'DELETE /s/1 HTTP/1.1', fields: ['Content-Length: 5'], body: 'hello', bytes: 5 },
  'GET with a body': { fields: ['Content-Length: 5'], body: 'hello', bytes: 5 },
  'GET with a chunked body': { fields: ['Transfer-Encoding: chunked'], body: '5\r\nhello\r\n0\r\n\r\n', bytes: 5 },
  'a chunked body in chunks of one byte': {
    line: 'POST /s/1 HTTP/1.1',
    fields: ['Transfer-Encoding: chunked'],
    body: `${'1\r\nx\r\n'.repeat(500)}0\r\n\r\n`,
    bytes: 500,
  },
  'chunk sizes with leading zeros and in upper case': {
    line: 'POST /s/1 HTTP/1.1',
    fields: ['Transfer-Encoding: CHUNKED'],
    body: `000A\r\n0123456789\r\n0B\r\n0123456789a\r\n000\r\n\r\n`,
    bytes: 21,
  },
  'a body that looks like a request': {
    line: 'POST /s/1 HTTP/1.1',
    fields: ['Content-Length: 34'],
    body: 'GET /s/2 HTTP/1.1\r\nHost: evil.b\r\n\r\n'.slice(0, 34),
    bytes: 34,
  },
  'a Content-Type with parameters': {
    line: 'POST /s/1 HTTP/1.1',
    fields: [`Content-Type: multipart/form-data; boundary="a b'()+_,-./:=?"`, 'Content-Length: 1'],
    body: 'x',
    sees: [['content-type', `multipart/form-data; boundary="a b'()+_,-./:=?"`]],
  },
  'a body with Content-Encoding': {
    line: 'POST /s/1 HTTP/1.1',
    fields: ['Content-Encoding: gzip', 'Content-Length: 4'],
    body: '\x1f\x8b\x08\x00',
    bytes: 4,
    sees: [['content-encoding', 'gzip']],
  },
  'empty field values': {
    fields: ['X-Empty:', 'X-Blank:   ', 'Accept:'],
    sees: [
      ['x-empty', ''],
      ['x-blank', ''],
      ['accept', ''],
    ],
  },
  'UTF-8 in field values': {
    fields: ['X-Name: <Gr\xc3\xbc\xc3\x9fe \xe2\x82\xac>'],
    sees: [['x-name', '<Gr\xc3\xbc\xc3\x9fe \xe2\x82\xac>']],
  },
  'field values with and without surrounding white space': {
    fields: ['X-None:1', 'X-Much: \t 2 \t ', 'X-Inside: a \t b'],
    sees: [
      ['x-none', '1'],
      ['x-much', '2'],
      ['x-inside', 'a \t b'],
    ],
  },
  'repeated fields in mixed order': {
    fields: ['Accept: a/b', 'X-A: 1', 'Accept: c/d', 'X-A: ', 'X-A: 1', 'Accept: a/b', 'X-A: 2'],
    sees: [
      ['accept', 'a/b'],
      ['x-a', '1'],
      ['accept', 'c/d'],
      ['x-a', ''],
      ['x-a', '1'],
      ['accept', 'a/b'],
      ['x-a', '2'],
    ],
  },
  'cookies in two fields': {
    fields: [`Cookie: a="b c"; _ga=GA1.2; ${'k=v; '.repeat(200)}z=`, 'Cookie: other=1'],
    sees: [['cookie', `a="b c"; _ga=GA1.2; ${'k=v; '.repeat(200)}z=; other=1`]],
  },
  'field names with every token character': {
    fields: ["!#$%&'*+.^`|~-9: 1", '_: 2', 'constructor: 3', '__proto__: 4'],
    sees: [
      ["!#$%&'*+.^`|~-9", '1'],
      ['_', '2'],
      ['constructor', '3'],
      ['__proto__', '4'],
    ],
  },
  'several ranges and conditional fields': {
    fields: [
      'Range: bytes=0-0,2-3,-1',
      'If-Range: "x"',
      'If-None-Match: W/"a", "b"',
      'If-Match: *',
      'If-Modified-Since: yesterday',
    ],
    sees: [
      ['range', 'bytes=0-0,2-3,-1'],
      ['if-range', '"x"'],
      ['if-none-match', 'W/"a", "b"'],
      ['if-match', '*'],
      ['if-modified-since', 'yesterday'],
    ],
  },
  'the upgrade fields of curl --http2': {
    fields: ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQCAAAA'],
  },
  'TE and a list in Connection': {
    fields: ['TE: trailers, deflate;q=0.5', 'Connection: TE , Keep-Alive,, keep-alive'],
  },
  'field names in upper case and the scheme in lower case': {
    first: ['HOST: API.TEST.', `AUTHORIZATION: bearer ${'$TOKEN'}`],
    sees: [['host', 'API.TEST.']],
  },
  'a host with a port': {
    first: ['Host: api.test:8443', 'Authorization: Bearer $TOKEN'],
    sees: [['host', 'api.test:8443']],
  },
  'an IPv6 address as host': {
    first: ['Host: [2001:db8::1]:80', 'Authorization: Bearer $TOKEN'],
    sees: [['host', '[2001:db8::1]:80']],
  },
  'a host with underscores and digits': {
    first: ['Host: _a.1-2.xn--bcher-kva', 'Authorization: Bearer $TOKEN'],
    sees: [['host', '_a.1-2.xn--bcher-kva']],
  },
}

/** Names of fields that the gate sets itself or never forwards. */
const ofGate =
  /^(?:connection|content-length|transfer-encoding|traceparent|x-request-id|x-forwarded-.*|forwarded|via|x-gatehouse-.*)$/

function bytesOf({ line = 'GET /s/1 HTTP/1.1', first, fields = [], body = '' }: Case): string {
  const start = first ?? ['Host: api.test', 'Authorization: Bearer $TOKEN']
  return `${[line, ...start, ...fields].join('\r\n').replace('$TOKEN', token)}\r\n\r\n${body}`
}

test.each(Object.keys(cases))('the gate forwards method, target and body of an unusual request: %s', async (name) => {
  const { url = '/s/1', bytes, sees, ...one } = { line: 'GET /s/1 HTTP/1.1', ...cases[name]! }
  const reply = await request(node.port, bytesOf(one))

  expect(reply.status, reply.text).toBe(200)
  const received = await upstream.next()
  expect(`${received.method} ${received.url}`).toBe(`${one.line.split(' ')[0]} ${url}`)
  expect(received.bodyBytes).toBe(bytes ?? one.body?.length ?? 0)
  if (sees !== undefined) {
    const names = new Set(sees.map(([known]) => known))
    expect(received.fields.filter(([known]) => names.has(known))).toEqual(sees)
  }
  const expected = (one.fields ?? []).map((field) => field.slice(0, field.indexOf(':')).toLowerCase())
  const forwarded = expected.filter(
    (known) => !ofGate.test(known) && !['te', 'upgrade', 'http2-settings'].includes(known),
  )
  for (const known of forwarded) expect(received.all(known)).not.toEqual([])
  for (const known of ['te', 'upgrade', 'http2-settings', 'authorization']) expect(received.all(known)).toEqual([])
  expect(upstream.malformed).toEqual([])
})

test('the gate forwards HEAD and relays the reply without a body', async () => {
  const head = await request(node.port, bytesOf({ line: 'HEAD /s/1 HTTP/1.1' }), { head: true })

  expect(head).toMatchObject({ status: 200, framing: 'none' })
  expect((await upstream.next()).method).toBe('HEAD')
})

test('the gate forwards a request that arrives byte by byte', async () => {
  const wire = await connect(node.port)
  await wire.send([...bytesOf({ line: 'POST /s/1 HTTP/1.1', fields: ['Content-Length: 5'], body: 'hello' })], 1)

  expect((await readReply(wire))?.json()).toMatchObject({ method: 'POST', body: { bytes: 5 } })
  await upstream.next()
})

test('the gate serves unusual requests, except chunked uploads and upgrades, one after another on one connection', async () => {
  const wire = await connect(node.port)
  const kinds = Object.values(cases).filter(({ fields = [] }) => !/chunked|upgrade/i.test(fields.join()))
  for (const [index, one] of kinds.entries()) {
    await wire.send(bytesOf(one))
    const reply = await readReply(wire)
    expect(reply?.status, `${index}: ${JSON.stringify(one).slice(0, 200)}`).toBe(200)
    await upstream.next()
  }
})
