import { expect, test } from 'vitest'
import { request } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'

// docs/reference/wire.md, "Chunked uploads": how the pinned uWebSockets.js parses each form of a chunk. If an update
// parses a form differently, a test fails, and that page must be changed.

const upstream = await startUpstream()
const node = await startPublicNode([upstream.url], {}, { request: { idle: '10m', chunked_idle: '1s' } })

let count = 0
function post(body: string): { readonly target: string; readonly bytes: string } {
  const target = `/s/${count++}`
  return { target, bytes: `POST ${target} HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n${body}` }
}
const received = (target: string) => upstream.requests.find(({ url }) => url === target)

test.each([
  ['a plain chunk', '3\r\nabc\r\n0\r\n\r\n', 'abc'],
  ['a size with leading zeros', '003\r\nabc\r\n000\r\n\r\n', 'abc'],
  ['a size in upper case', 'A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
  ['an extension after a space', '3 ;name=value\r\nabc\r\n0 ;name\r\n\r\n', 'abc'],
])('a chunked upload with %s reaches the service complete', async (_, body, expected) => {
  const { target, bytes } = post(body)

  expect((await request(node.port, bytes)).status).toBe(200)
  expect(received(target)?.body.toString()).toBe(expected)
})

test.each([
  ['an extension of hexadecimal digits', '3;a=b\r\nabc\r\n0\r\n\r\n'],
  ['an extension without a name', '3;\r\nabc\r\n0\r\n\r\n'],
  ['an extension after a semicolon and a space', '3; name=value\r\nabc\r\n0\r\n\r\n'],
  ['an extension of the last chunk', '3\r\nabc\r\n0;a\r\n\r\n'],
])('a chunked upload with %s gets 408 after request.chunked_idle', async (_, body) => {
  const { target, bytes } = post(body)
  const reply = await request(node.port, bytes)

  expect(reply.status).toBe(408)
  expect(reply.all('connection')).toEqual(['close'])
  expect(await node.waitForRecord(({ path }) => path === target)).toMatchObject({ reason: 'upload-stalled' })
  await received(target)?.over
  expect(received(target)?.aborted ?? true).toBe(true)
})

test.each([
  ['an extension with a letter above g', '3;name=value\r\nabc\r\n0\r\n\r\n'],
  ['an extension with a quoted value', '3;a="b"\r\nabc\r\n0\r\n\r\n'],
  ['a size with a sign', '-3\r\nabc\r\n0\r\n\r\n'],
  ['a size with 0x', '0x3\r\nabc\r\n0\r\n\r\n'],
  ['a size of more than 60 bits', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
])('a chunked upload with %s gets a 400 reply of uWebSockets.js', async (_, body) => {
  const { target, bytes } = post(body)

  expect((await request(node.port, bytes)).status).toBe(400)
  await node.waitForRecord(({ path }) => path === target)
  await received(target)?.over
  expect(received(target)?.aborted ?? true).toBe(true)
})

test.each([
  ['no size', '\r\nabc\r\n0\r\n\r\n', ''],
  ['a space before the size', ' 3\r\nabc\r\n0\r\n\r\n', ''],
  ['a byte above 0x7f before the size', '\xff3\r\nabc\r\n0\r\n\r\n', ''],
  ['a size of :', ':\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
  ['a size of g', 'g\r\n0123456789abcdef\r\n0\r\n\r\n', '0123456789abcdef'],
  ['line ends without CR', '3\nabc\r\n0\n\r\n', 'abc'],
  ['other bytes in place of the CRLF behind the data', '3\r\nabcXX0\r\n\r\n', 'abc'],
])(
  'a chunked upload that is malformed by %s reaches the service as complete, and the gate closes the client connection',
  async (_, body, expected) => {
    const { target, bytes } = post(body)
    const reply = await request(node.port, bytes)

    expect(reply.status).toBe(200)
    expect(reply.all('connection')).toEqual(['close'])
    expect(received(target)?.body.toString()).toBe(expected)
  },
)
