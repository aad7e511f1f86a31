import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { connect, exchange, request, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'
import { madeBody } from './paced-body.ts'
import { type ScriptedReply, scriptedReplies } from './upstream-script.ts'

// The body of a reply reaches the client byte for byte: with the Content-Length of the service if there is one, else
// chunked.

const upstream = await startUpstream({
  handler: (received, response) => {
    const [, framing, size] = /(length|chunked|close)-(\d+)/.exec(received.url)!
    const body = madeBody(Number(size))
    if (framing === 'length') response.setHeader('content-length', body.length)
    else if (framing === 'close') response.useChunkedEncodingByDefault = false
    if (framing === 'close') response.shouldKeepAlive = false
    response.flushHeaders()
    if (framing === 'length') return void response.end(body)
    // Node sends one write as one chunk; two writes make two chunks of the reply.
    response.write(body.subarray(0, body.length / 2))
    response.end(body.subarray(body.length / 2))
  },
})
const ok = 'HTTP/1.1 200 OK\r\n'
const scripted: Record<string, ScriptedReply> = {
  'a-byte-at-a-time': { bytes: [...`${ok}X-A: b\r\nContent-Length: 5\r\n\r\nhello`] },
  'a-byte-at-a-time-chunked': {
    bytes: [...`${ok}X-A: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`],
  },
  'until-close': { bytes: `${ok}X-A: b\r\n\r\nhello`, after: 'close' },
  'until-close-1.0': { bytes: 'HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nhello', after: 'close' },
  'sized-1.0': { bytes: 'HTTP/1.0 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello', after: 'close' },
  'chunks-of-a-byte': {
    bytes: `${ok}X-A: b\r\nTransfer-Encoding: chunked\r\n\r\n${[...'hello'].map((c) => `1\r\n${c}\r\n`).join('')}0\r\n\r\n`,
  },
  'upper-case-chunked': { bytes: `${ok}X-A: b\r\nTRANSFER-ENCODING: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n` },
  'leading-zeros': { bytes: `${ok}X-A: b\r\nContent-Length: 005\r\n\r\nhello` },
}
const raw = await rawUpstream(scriptedReplies(scripted))
const bomb = Buffer.concat([Buffer.from('1f8b0800000000000003', 'hex'), Buffer.alloc(1000, 0xff)])
const packed = await rawUpstream(
  Buffer.concat([Buffer.from(`${ok}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`), bomb]),
)
const node = await startNode({
  policy: publicPolicy({
    sizes: { upstreams: [upstream.url] },
    s: { upstreams: [raw.url] },
    packed: { upstreams: [packed.url] },
  }),
})

const sizes = [0, 1, 2, 511, 512, 16_383, 16_384, 16_385, 65_536, 65_537, 1_000_000]

test.concurrent.each(sizes)(
  'a reply body of %i bytes reaches the client unchanged, whether its end is given by Content-Length, chunks or the end of the connection',
  async (size) => {
    const body = madeBody(size)
    for (const framing of ['length', 'chunked', 'close']) {
      const reply = await request(node.port, requestBytes({ target: `/sizes/${framing}-${size}` }))

      expect(reply).toMatchObject({
        status: 200,
        complete: true,
        framing: framing === 'length' || size === 0 ? 'length' : 'chunked',
      })
      expect(reply.body.equals(body)).toBe(true)
    }
  },
)

test.each(['length', 'chunked', 'close'])(
  'the gate relays a body of 20 MB unchanged (framing by the service: %s)',
  async (framing) => {
    const reply = await request(node.port, requestBytes({ target: `/sizes/${framing}-20000000` }))

    expect(reply).toMatchObject({ status: 200, complete: true })
    expect(reply.body.equals(madeBody(20_000_000))).toBe(true)
  },
)

test.concurrent.each(Object.keys(scripted))(
  'the gate relays status, field X-A and body of the service reply "%s" unchanged',
  async (name) => {
    const reply = await request(node.port, requestBytes({ target: `/s/${name}` }))

    expect(reply).toMatchObject({ status: 200, reason: 'OK', text: 'hello', complete: true })
    expect(reply.field('x-a')).toBe('b')
    expect(reply.field('connection')).toBeUndefined()
  },
)

test.concurrent('a client gets the correct next reply on a connection that carried large replies', async () => {
  const wire = await connect(node.port)
  for (const name of ['length-300000', 'chunked-300000', 'length-0', 'close-300000', 'chunked-0', 'length-1']) {
    await wire.send(requestBytes({ target: `/sizes/${name}` }))
    const reply = await readReply(wire)
    expect(reply).toMatchObject({ status: 200, complete: true })
    expect(reply!.body.length).toBe(Number(name.split('-')[1]))
  }
})

test.concurrent('the gate relays a compressed reply without decompression (S-137)', async () => {
  const bytes = requestBytes({ target: '/packed/1', fields: [['Accept-Encoding', 'gzip']] })
  const { replies } = await exchange(node.port, bytes)

  expect(replies[0]!.field('content-encoding')).toBe('gzip')
  expect(replies[0]!.body.equals(bomb)).toBe(true)
})
