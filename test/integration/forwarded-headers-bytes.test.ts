import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { fc } from '../kit/properties.ts'
import { connect, request } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// Field values arrive with the bytes that were sent: UTF-8 in requests, any bytes in replies. Exception: the listener
// can remove bytes from 0x80 on at the ends of a request value. A request whose value is not UTF-8 is rejected, never
// changed.

const upstream = await startUpstream()
/** Service that replies with the field `X-Said`; its bytes are given in hex in the path of the request. */
const speaking = await rawUpstream(async (wire) => {
  while (await wire.some(60_000)) {
    const head = (await wire.until('\r\n\r\n')).toString('latin1')
    const value = Buffer.from(/^\S+ \/speaking\/([0-9a-f]*)/.exec(head)![1]!, 'hex')
    await wire.send(
      Buffer.concat([
        Buffer.from('HTTP/1.1 200 OK\r\nX-Said: '),
        value,
        Buffer.from('\r\nContent-Length: 2\r\n\r\nok'),
      ]),
    )
  }
})
const node = await startNode({
  policy: publicPolicy({ s: { upstreams: [upstream.url] }, speaking: { upstreams: [speaking.url] } }),
})

/** Returns the UTF-8 bytes of a text as a Latin-1 string, one character per byte. */
const bytesOf = (text: string) => Buffer.from(text, 'utf8').toString('latin1')

const ask = (value: string) => `GET /s/1 HTTP/1.1\r\nHost: api.test\r\nX-Said: ${value}\r\nCookie: c=${value}\r\n\r\n`

test.each(['é', 'Grüße, 東京', '😀', '\u00a0', '\ufeff', '\u0080', 'e\u0301', '\u2028'])(
  'the UTF-8 field value %j between ASCII characters reaches the service unchanged',
  async (text) => {
    const reply = await request(node.port, ask(`<${bytesOf(text)}>`))

    expect(reply.status).toBe(200)
    const received = await upstream.next()
    expect(received.all('x-said')).toEqual([`<${bytesOf(text)}>`])
    expect(received.all('cookie')).toEqual([`c=<${bytesOf(text)}>`])
  },
)

test('100 generated UTF-8 field values between ASCII characters reach the service unchanged', async () => {
  const wire = await connect(node.port)
  const textual = fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => !/[\x00-\x1f\x7f\ufffd]/.test(text))
  await fc.assert(
    fc.asyncProperty(textual, async (text) => {
      await wire.send(ask(`<${bytesOf(text)}>`))
      expect((await readReply(wire))?.status).toBe(200)
      expect((await upstream.next()).all('x-said')).toEqual([`<${bytesOf(text)}>`])
    }),
    { numRuns: 100 },
  )
})

test.each([
  '\xe9',
  'caf\xe9',
  '\xff',
  '\xc3',
  '\xed\xa0\x80',
  '\xc0\xaf',
  '\xf5\x80\x80\x80',
  '\xef\xbf\xbd',
  'a\x7fb',
])('the gate rejects a request field with the bytes %j and does not forward the request', async (value) => {
  const before = upstream.requests.length
  const reply = await request(node.port, ask(`<${value}>`))

  expect(reply.status).toBe(400)
  expect(reply.json()).toMatchObject({ code: 'bad_request' })
  expect(upstream.requests.length).toBe(before)
})

test.each(['René', '東京', 'ünten'])(
  'the gate removes nothing from the field value %j except non-ASCII bytes at its ends',
  async (text) => {
    // uWebSockets.js trims values by signed characters. Where `char` is signed, it treats these bytes as white space.
    const reply = await request(node.port, ask(bytesOf(text)))

    expect(reply.status).toBe(200)
    const [value] = (await upstream.next()).all('x-said')
    expect([bytesOf(text), text.replaceAll(/^[^\x00-\x7f]+|[^\x00-\x7f]+$/g, '')]).toContain(value)
  },
)

test.each(['\xe9', 'caf\xe9 \xff', bytesOf('Grüße, 東京 😀'), '\x80\x81', '\xef\xbb\xbfx', 'a\tb', '\xc3'])(
  'a reply field with the bytes %j reaches the client unchanged',
  async (value) => {
    const hex = Buffer.from(value, 'latin1').toString('hex')
    const reply = await request(node.port, `GET /speaking/${hex} HTTP/1.1\r\nHost: api.test\r\n\r\n`)

    expect(reply.field('x-said')).toBe(value)
  },
)
