import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { fc, propertyRuns } from '../kit/properties.ts'
import { connect, request } from '../kit/raw-client.ts'
import { type RawReply, readReply } from '../kit/raw-reply.ts'
import type { TestNode } from '../kit/test-node.ts'
import { nginxHere, nginxUpstream } from '../regression/nginx-upstream.ts'
import { startPublicNode } from './data-plane-node.ts'

// Range requests, conditional requests and compression with nginx as the service: a request through the gate gets the
// same reply as a request sent directly to nginx. nginx reads the parts of both requests equally.

const nginx = nginxHere()
const modified = new Date('2026-01-02T03:04:05Z')
const etag = `"${(modified.getTime() / 1000).toString(16)}-186a0"`

/** nginx variables that the reply repeats, which show how nginx read each part of the request. */
const told = [
  'request_method',
  'uri',
  'args',
  'content_length',
  'content_type',
  'host',
  'http_cookie',
  'http_accept',
  'http_range',
  'http_x_a',
  'http_x_b',
]

let port = 0
let node: TestNode
beforeAll(async () => {
  if (nginx === undefined) return
  const root = mkdtempSync(join(tmpdir(), 'gatehouse-files-'))
  atEnd(() => rmSync(root, { recursive: true, force: true }))
  // If root runs the tests, the workers of nginx run as `nobody` and must be allowed to read the folder.
  chmodSync(root, 0o755)
  for (const [name, text] of [
    ['large.txt', 'abcdefghij'.repeat(10_000)],
    ['empty.txt', ''],
  ] as const) {
    writeFileSync(join(root, name), text)
    utimesSync(join(root, name), modified, modified)
  }
  port = await nginxUpstream(
    nginx,
    `location /s/files/ { alias ${root}/; gzip on; gzip_proxied any; gzip_types text/plain; default_type text/plain; types {} }
     location /s/told/ { return 200 "${told.map((name) => `[$${name}]`).join('\\n')}"; }`,
  )
  node = await startPublicNode([`http://127.0.0.1:${port}`])
})

const rfc1123 = (offsetS: number) => new Date(modified.getTime() + offsetS * 1000).toUTCString()
const dates = fc.constantFrom(rfc1123(0), rfc1123(-60), rfc1123(60), 'Friday, 02-Jan-26 03:04:05 GMT', 'no date')
const tags = fc.constantFrom(etag, `W/${etag}`, `"other", ${etag}`, '"other"', '*', '', 'not quoted')
const ranges = fc.constantFrom(
  ...['bytes=0-0', 'bytes=0-', 'bytes=-5', 'bytes=99999-', 'bytes=100000-', 'bytes=5-2', 'bytes=0-1,3-4,99990-'],
  ...[
    'bytes=0-18446744073709551616',
    'lines=1-2',
    'bytes=',
    ' bytes = 0-1',
    'bytes=0-0,-1',
    `bytes=${'0-1,'.repeat(200)}5-6`,
  ],
)
const conditional = fc.record(
  {
    Range: ranges,
    'If-Range': fc.oneof(tags, dates),
    'If-Match': tags,
    'If-None-Match': tags,
    'If-Modified-Since': dates,
    'If-Unmodified-Since': dates,
    'Accept-Encoding': fc.constantFrom('gzip', 'gzip;q=0', 'br, gzip', 'identity', '*'),
  },
  { requiredKeys: [] },
)

/** Examples that are always tested, one for each kind of reply, beside the generated requests. */
const one: ['GET' | 'HEAD', string, Record<string, string>][] = [
  ['GET', 'large.txt', { Range: 'bytes=1-10' }],
  ['GET', 'large.txt', { Range: 'bytes=100000-' }],
  ['GET', 'large.txt', { 'If-None-Match': etag }],
  ['HEAD', 'large.txt', { 'If-Match': '"other"' }],
  ['GET', 'large.txt', { 'Accept-Encoding': 'gzip' }],
  ['GET', 'none.txt', {}],
]

async function ask(at: number, bytes: string, head: boolean): Promise<RawReply> {
  const wire = await connect(at)
  try {
    await wire.send(bytes)
    return (await readReply(wire, { head }))!
  } finally {
    wire.close()
  }
}

/**
 * Returns the comparable parts of a reply. The boundary of multipart/byteranges is random in each reply, so it is
 * replaced.
 */
function comparable({ status, reason, fields, body, complete }: RawReply) {
  const hop = new Set(['date', 'connection', 'x-request-id', 'transfer-encoding'])
  const kept = fields
    .filter(([name]) => !hop.has(name.toLowerCase()))
    .map(([name, value]) => [name.toLowerCase(), value])
  const boundary = kept.map(([, value]) => /boundary=(\d+)/.exec(value!)?.[1]).find((one) => one !== undefined)
  const plain = (text: string) => (boundary === undefined ? text : text.replaceAll(boundary, 'boundary'))
  return {
    status,
    reason,
    complete,
    body: plain(body.toString('latin1')),
    fields: kept.map(([name, value]) => `${name}: ${plain(value!)}`).sort(),
  }
}

test.skipIf(nginx === undefined)(
  `${propertyRuns} range and conditional requests get the same reply (200, 206, 304, 404, 412, 416) through the gate as from nginx, except Date and connection fields`,
  { timeout: 30_000 + propertyRuns * 100 },
  async () => {
    const statuses = new Set<number>()
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'HEAD'),
        fc.constantFrom('large.txt', 'large.txt', 'empty.txt', 'none.txt', ''),
        conditional,
        async (method, file, conditions) => {
          const lines = Object.entries(conditions).map(([name, value]) => `${name}: ${value}\r\n`)
          const bytes = `${method} /s/files/${file} HTTP/1.1\r\nHost: api.test\r\n${lines.join('')}\r\n`
          const direct = await ask(port, bytes, method === 'HEAD')
          const proxied = await ask(node.port, bytes, method === 'HEAD')

          expect(comparable(proxied)).toEqual(comparable(direct))
          statuses.add(direct.status)
        },
      ),
      { numRuns: propertyRuns, examples: one },
    )

    expect([...statuses]).toEqual(expect.arrayContaining([200, 206, 304, 404, 412, 416]))
  },
)

/**
 * The gate may add `Content-Length: 0` to a request without a body (RFC 9110 §8.6), so a missing length is read as 0.
 */
function readBy({ text }: RawReply): string[] {
  return text.split('\n').map((line, index) => (told[index] === 'content_length' && line === '[]' ? '[0]' : line))
}

const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code))
const plainValue = fc.string({ unit: visible, maxLength: 20 })

test.skipIf(nginx === undefined)(
  `nginx reads the same method, target, fields and body from ${propertyRuns} requests through the gate as from requests sent directly`,
  { timeout: 30_000 + propertyRuns * 100 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
          query: fc.option(fc.string({ unit: visible.filter((one) => one !== '#'), maxLength: 30 })),
          fields: fc.record(
            {
              Cookie: plainValue,
              Accept: plainValue,
              'X-A': plainValue,
              'X-B': plainValue,
              'Content-Type': fc.constantFrom('a/b', 'text/html; charset=x', ''),
            },
            { requiredKeys: [] },
          ),
          body: fc.option(fc.string({ unit: 'binary-ascii', maxLength: 200 })),
        }),
        async ({ method, query, fields, body }) => {
          const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
          const length = body === null ? '' : `Content-Length: ${body.length}\r\n`
          const target = `/s/told/1${query === null ? '' : `?${query}`}`
          const bytes = `${method} ${target} HTTP/1.1\r\nHost: api.test\r\n${length}${lines.join('')}\r\n${body ?? ''}`
          const [direct, proxied] = [await request(port, bytes), await request(node.port, bytes)]

          expect(direct.status).toBe(200)
          expect(proxied.status).toBe(200)
          expect(readBy(proxied)).toEqual(readBy(direct))
        },
      ),
      { numRuns: propertyRuns },
    )
  },
)
