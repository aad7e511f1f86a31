import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Saying, saying } from '../integration/upstream-script.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { startTokenNode } from './token-node.ts'

// Replies that are right and seldom seen come to the client as the service gave them.

const zipped = gzipSync('compressed by the service '.repeat(100))
const zeros = gzipSync(Buffer.alloc(1_000_000))
const withLength = (line: string, fields: readonly string[], body: Buffer | string) => {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  const head = [line, ...fields, `Content-Length: ${bytes.length}`, '', ''].join('\r\n')
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes])
}
const parts = '--b\r\nContent-Range: bytes 0-0/9\r\n\r\na\r\n--b\r\nContent-Range: bytes 8-8/9\r\n\r\ni\r\n--b--\r\n'

interface Case {
  readonly method?: string
  readonly says: Buffer | string
  readonly after?: Saying['after']
  readonly status: number
  readonly reason?: string
  readonly body?: Buffer | string
  /** Exactly these values of each name. */
  readonly fields?: Readonly<Record<string, readonly string[]>>
}

const cases: Record<string, Case> = {
  '299 with a reason of its own': {
    says: withLength('HTTP/1.1 299 Mostly Fine', [], 'x'),
    status: 299,
    reason: 'Mostly Fine',
    body: 'x',
  },
  418: { says: withLength("HTTP/1.1 418 I'm a teapot", [], ''), status: 418, reason: "I'm a teapot" },
  '599 without a reason': { says: withLength('HTTP/1.1 599 ', [], 'x'), status: 599, reason: '', body: 'x' },
  '200 without a reason': { says: withLength('HTTP/1.1 200 ', [], 'x'), status: 200, reason: 'OK', body: 'x' },
  '206 with one range': {
    says: withLength('HTTP/1.1 206 Partial Content', ['Content-Range: bytes 2-4/10', 'ETag: "x"'], 'cde'),
    status: 206,
    body: 'cde',
    fields: { 'content-range': ['bytes 2-4/10'], etag: ['"x"'] },
  },
  '206 with several': {
    says: withLength('HTTP/1.1 206 Partial Content', ['Content-Type: multipart/byteranges; boundary=b'], parts),
    status: 206,
    body: parts,
    fields: { 'content-type': ['multipart/byteranges; boundary=b'] },
  },
  416: {
    says: withLength('HTTP/1.1 416 Range Not Satisfiable', ['Content-Range: bytes */10'], ''),
    status: 416,
    fields: { 'content-range': ['bytes */10'] },
  },
  '304 with the length that 200 would have': {
    says: 'HTTP/1.1 304 Not Modified\r\nETag: W/"x"\r\nVary: Accept\r\nContent-Length: 5000\r\n\r\n',
    status: 304,
    fields: { etag: ['W/"x"'], vary: ['Accept'] },
  },
  412: {
    says: withLength('HTTP/1.1 412 Precondition Failed', ['ETag: "y"'], 'no'),
    status: 412,
    body: 'no',
    fields: { etag: ['"y"'] },
  },
  '204': {
    says: 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n',
    status: 204,
    fields: { 'x-a': ['1'], 'content-length': [] },
  },
  '205': { says: withLength('HTTP/1.1 205 Reset Content', [], ''), status: 205 },
  '300 to 308 are not followed': {
    says: withLength('HTTP/1.1 308 Permanent Redirect', ['Location: ../elsewhere?a=b#c'], ''),
    status: 308,
    fields: { location: ['../elsewhere?a=b#c'] },
  },
  'the service refuses by itself: 401 with its challenges': {
    says: withLength(
      'HTTP/1.1 401 Unauthorized',
      ['WWW-Authenticate: Basic realm="a, b"', 'WWW-Authenticate: Digest nonce="x"'],
      '',
    ),
    status: 401,
    fields: { 'www-authenticate': ['Basic realm="a, b"', 'Digest nonce="x"'] },
  },
  'the service is busy by itself: 503 with its own time': {
    says: withLength('HTTP/1.1 503 Service Unavailable', ['Retry-After: Fri, 31 Dec 1999 23:59:59 GMT'], 'later'),
    status: 503,
    body: 'later',
    fields: { 'retry-after': ['Fri, 31 Dec 1999 23:59:59 GMT'] },
  },
  'several Set-Cookie': {
    says: withLength(
      'HTTP/1.1 200 OK',
      [
        'Set-Cookie: a=1; Path=/',
        'X-A: 1',
        'set-cookie: b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
        'Set-Cookie: a=1; Path=/',
      ],
      'x',
    ),
    status: 200,
    body: 'x',
    fields: { 'set-cookie': ['a=1; Path=/', 'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'a=1; Path=/'] },
  },
  'a compressed body': {
    says: withLength('HTTP/1.1 200 OK', ['Content-Encoding: gzip', 'ETag: "z"'], zipped),
    status: 200,
    body: zipped,
    fields: { 'content-encoding': ['gzip'], etag: ['"z"'], 'content-length': [String(zipped.length)] },
  },
  'compressed zeros, a thousand times as large': {
    says: withLength('HTTP/1.1 200 OK', ['Content-Encoding: gzip'], zeros),
    status: 200,
    body: zeros,
    fields: { 'content-length': [String(zeros.length)] },
  },
  'a body that says it is compressed and is not': {
    says: withLength('HTTP/1.1 200 OK', ['Content-Encoding: br'], 'plain'),
    status: 200,
    body: 'plain',
    fields: { 'content-encoding': ['br'] },
  },
  'HEAD with a length': {
    method: 'HEAD',
    says: 'HTTP/1.1 200 OK\r\nContent-Length: 123456789012\r\nContent-Type: video/mp4\r\n\r\n',
    status: 200,
    fields: { 'content-length': ['123456789012'], 'content-type': ['video/mp4'] },
  },
  'HEAD that is answered 404': {
    method: 'HEAD',
    says: 'HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n',
    status: 404,
    fields: { 'content-length': ['9'] },
  },
  'OPTIONS with Allow and an empty body': {
    method: 'OPTIONS',
    says: withLength('HTTP/1.1 200 OK', ['Allow: GET, PUT', 'Access-Control-Allow-Methods: *'], ''),
    status: 200,
    fields: { allow: ['GET, PUT'], 'content-length': ['0'] },
  },
  'early hints before it': {
    says: Buffer.concat([
      Buffer.from(
        'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.js>\r\n\r\n',
      ),
      withLength('HTTP/1.1 200 OK', ['X-A: 1'], 'x'),
    ]),
    status: 200,
    body: 'x',
    fields: { link: [], 'x-a': ['1'] },
  },
  'chunks of one byte, with extensions': {
    says: `HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n${'1;a="b"\r\nx\r\n'.repeat(300)}000\r\n\r\n`,
    status: 200,
    body: 'x'.repeat(300),
  },
  'a body that ends with its connection': {
    says: 'HTTP/1.1 200 OK\r\n\r\nuntil the end',
    after: 'close',
    status: 200,
    body: 'until the end',
  },
  'no body, and its end is that of the connection': {
    says: 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n',
    after: 'close',
    status: 200,
  },
  'values empty, of any bytes, and with tabs': {
    says: withLength(
      'HTTP/1.1 200 OK',
      ['X-Empty:', 'X-Latin: <caf\xe9 \xff>', 'X-Utf: \xe2\x82\xac', 'X-Tab:\ta\tb\t'],
      '',
    ),
    status: 200,
    fields: { 'x-empty': [''], 'x-latin': ['<caf\xe9 \xff>'], 'x-utf': ['\xe2\x82\xac'], 'x-tab': ['a\tb'] },
  },
  'a head of 48 KB': {
    says: withLength(
      'HTTP/1.1 200 OK',
      Array.from({ length: 48 }, (_, n) => `X-${n}: ${'v'.repeat(1000)}`),
      'x',
    ),
    status: 200,
    body: 'x',
    fields: { 'x-0': ['v'.repeat(1000)], 'x-47': ['v'.repeat(1000)] },
  },
  '150 fields': {
    says: withLength(
      'HTTP/1.1 200 OK',
      Array.from({ length: 150 }, (_, n) => `X-${n}: ${n}`),
      '',
    ),
    status: 200,
    fields: { 'x-0': ['0'], 'x-149': ['149'] },
  },
}

const slug = (name: string) => name.replaceAll(/[^A-Za-z0-9]+/g, '-')
const upstream = await rawUpstream(
  saying(
    Object.fromEntries(
      Object.entries(cases).map(([name, { says, after = 'keep' }]) => [slug(name), { bytes: says, after }]),
    ),
  ),
)
const { node, token } = await startTokenNode(upstream.url)

test.each(Object.keys(cases))('%s', async (name) => {
  const { method = 'GET', status, reason, body = '', fields = {} } = cases[name]!
  const reply = await request(node.port, requestBytes({ method, target: `/s/${slug(name)}`, token }), {
    head: method === 'HEAD',
  })

  expect(reply.status).toBe(status)
  if (reason !== undefined) expect(reply.reason).toBe(reason)
  expect(reply.complete).toBe(true)
  expect(reply.interim).toEqual([])
  expect(reply.body.toString('latin1')).toBe(body.toString('latin1'))
  for (const [known, values] of Object.entries(fields)) expect(reply.all(known)).toEqual(values)
  expect(upstream.failures).toEqual([])
})

test('a compressed reply is relayed unchanged', async () => {
  const reply = await request(node.port, requestBytes({ target: `/s/${slug('a compressed body')}`, token }))

  expect(gunzipSync(reply.body).toString()).toBe('compressed by the service '.repeat(100))
})
