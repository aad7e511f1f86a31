import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type ScriptedReply, scriptedReplies } from '../integration/upstream-script.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { startTokenNode } from './token-node.ts'

// The gate relays valid but unusual replies of a service unchanged.

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
  readonly sends: Buffer | string
  readonly after?: ScriptedReply['after']
  readonly status: number
  readonly reason?: string
  readonly body?: Buffer | string
  /** Expected values of the reply fields with these names. */
  readonly fields?: Readonly<Record<string, readonly string[]>>
}

const cases: Record<string, Case> = {
  '299 with its own reason phrase': {
    sends: withLength('HTTP/1.1 299 Mostly Fine', [], 'x'),
    status: 299,
    reason: 'Mostly Fine',
    body: 'x',
  },
  '418 with its reason phrase': {
    sends: withLength("HTTP/1.1 418 I'm a teapot", [], ''),
    status: 418,
    reason: "I'm a teapot",
  },
  '599 without a reason phrase': { sends: withLength('HTTP/1.1 599 ', [], 'x'), status: 599, reason: '', body: 'x' },
  '200 without a reason phrase': { sends: withLength('HTTP/1.1 200 ', [], 'x'), status: 200, reason: 'OK', body: 'x' },
  '206 with one range': {
    sends: withLength('HTTP/1.1 206 Partial Content', ['Content-Range: bytes 2-4/10', 'ETag: "x"'], 'cde'),
    status: 206,
    body: 'cde',
    fields: { 'content-range': ['bytes 2-4/10'], etag: ['"x"'] },
  },
  '206 with several ranges': {
    sends: withLength('HTTP/1.1 206 Partial Content', ['Content-Type: multipart/byteranges; boundary=b'], parts),
    status: 206,
    body: parts,
    fields: { 'content-type': ['multipart/byteranges; boundary=b'] },
  },
  '416 with Content-Range': {
    sends: withLength('HTTP/1.1 416 Range Not Satisfiable', ['Content-Range: bytes */10'], ''),
    status: 416,
    fields: { 'content-range': ['bytes */10'] },
  },
  '304 with the Content-Length of the 200': {
    sends: 'HTTP/1.1 304 Not Modified\r\nETag: W/"x"\r\nVary: Accept\r\nContent-Length: 5000\r\n\r\n',
    status: 304,
    fields: { etag: ['W/"x"'], vary: ['Accept'] },
  },
  '412 with an ETag': {
    sends: withLength('HTTP/1.1 412 Precondition Failed', ['ETag: "y"'], 'no'),
    status: 412,
    body: 'no',
    fields: { etag: ['"y"'] },
  },
  '204 with a field': {
    sends: 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n',
    status: 204,
    fields: { 'x-a': ['1'], 'content-length': [] },
  },
  '205 without a body': { sends: withLength('HTTP/1.1 205 Reset Content', [], ''), status: 205 },
  '308 with a relative Location, which is not followed': {
    sends: withLength('HTTP/1.1 308 Permanent Redirect', ['Location: ../elsewhere?a=b#c'], ''),
    status: 308,
    fields: { location: ['../elsewhere?a=b#c'] },
  },
  '401 with two challenges of the service': {
    sends: withLength(
      'HTTP/1.1 401 Unauthorized',
      ['WWW-Authenticate: Basic realm="a, b"', 'WWW-Authenticate: Digest nonce="x"'],
      '',
    ),
    status: 401,
    fields: { 'www-authenticate': ['Basic realm="a, b"', 'Digest nonce="x"'] },
  },
  '503 with Retry-After of the service': {
    sends: withLength('HTTP/1.1 503 Service Unavailable', ['Retry-After: Fri, 31 Dec 1999 23:59:59 GMT'], 'later'),
    status: 503,
    body: 'later',
    fields: { 'retry-after': ['Fri, 31 Dec 1999 23:59:59 GMT'] },
  },
  '200 with several Set-Cookie fields': {
    sends: withLength(
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
    sends: withLength('HTTP/1.1 200 OK', ['Content-Encoding: gzip', 'ETag: "z"'], zipped),
    status: 200,
    body: zipped,
    fields: { 'content-encoding': ['gzip'], etag: ['"z"'], 'content-length': [String(zipped.length)] },
  },
  'a compressed body that expands a thousandfold': {
    sends: withLength('HTTP/1.1 200 OK', ['Content-Encoding: gzip'], zeros),
    status: 200,
    body: zeros,
    fields: { 'content-length': [String(zeros.length)] },
  },
  'a plain body with Content-Encoding': {
    sends: withLength('HTTP/1.1 200 OK', ['Content-Encoding: br'], 'plain'),
    status: 200,
    body: 'plain',
    fields: { 'content-encoding': ['br'] },
  },
  '200 to HEAD with a Content-Length': {
    method: 'HEAD',
    sends: 'HTTP/1.1 200 OK\r\nContent-Length: 123456789012\r\nContent-Type: video/mp4\r\n\r\n',
    status: 200,
    fields: { 'content-length': ['123456789012'], 'content-type': ['video/mp4'] },
  },
  '404 to HEAD': {
    method: 'HEAD',
    sends: 'HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n',
    status: 404,
    fields: { 'content-length': ['9'] },
  },
  '200 to OPTIONS with Allow and an empty body': {
    method: 'OPTIONS',
    sends: withLength('HTTP/1.1 200 OK', ['Allow: GET, PUT', 'Access-Control-Allow-Methods: *'], ''),
    status: 200,
    fields: { allow: ['GET, PUT'], 'content-length': ['0'] },
  },
  '200 after two 103 Early Hints': {
    sends: Buffer.concat([
      Buffer.from(
        'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.js>\r\n\r\n',
      ),
      withLength('HTTP/1.1 200 OK', ['X-A: 1'], 'x'),
    ]),
    status: 200,
    body: 'x',
    fields: { link: [], 'x-a': ['1'] },
  },
  '300 chunks of one byte with extensions': {
    sends: `HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n${'1;a="b"\r\nx\r\n'.repeat(300)}000\r\n\r\n`,
    status: 200,
    body: 'x'.repeat(300),
  },
  'a body without a framing that ends with the connection': {
    sends: 'HTTP/1.1 200 OK\r\n\r\nuntil the end',
    after: 'close',
    status: 200,
    body: 'until the end',
  },
  'an empty body that ends with the connection': {
    sends: 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n',
    after: 'close',
    status: 200,
  },
  'field values that are empty, non-ASCII or have tabs': {
    sends: withLength(
      'HTTP/1.1 200 OK',
      ['X-Empty:', 'X-Latin: <caf\xe9 \xff>', 'X-Utf: \xe2\x82\xac', 'X-Tab:\ta\tb\t'],
      '',
    ),
    status: 200,
    fields: { 'x-empty': [''], 'x-latin': ['<caf\xe9 \xff>'], 'x-utf': ['\xe2\x82\xac'], 'x-tab': ['a\tb'] },
  },
  'a head of 48 KB': {
    sends: withLength(
      'HTTP/1.1 200 OK',
      Array.from({ length: 48 }, (_, n) => `X-${n}: ${'v'.repeat(1000)}`),
      'x',
    ),
    status: 200,
    body: 'x',
    fields: { 'x-0': ['v'.repeat(1000)], 'x-47': ['v'.repeat(1000)] },
  },
  '150 fields': {
    sends: withLength(
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
  scriptedReplies(
    Object.fromEntries(
      Object.entries(cases).map(([name, { sends, after = 'keep' }]) => [slug(name), { bytes: sends, after }]),
    ),
  ),
)
const { node, token } = await startTokenNode(upstream.url)

test.each(Object.keys(cases))(
  'the gate relays status, fields and body of an unusual service reply: %s',
  async (name) => {
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
  },
)

test('a client can decompress a compressed body of a service that the gate relays', async () => {
  const reply = await request(node.port, requestBytes({ target: `/s/${slug('a compressed body')}`, token }))

  expect(gunzipSync(reply.body).toString()).toBe('compressed by the service '.repeat(100))
})
