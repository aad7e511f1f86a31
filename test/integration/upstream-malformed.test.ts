import { EventEmitter, once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import type { Wire } from '../kit/wire.ts'
import { startPublicNode } from './data-plane-node.ts'
import { type ReplyAction, requestLinesOf, type ScriptedReply, scriptedReplies } from './upstream-script.ts'

// A malformed HTTP/1.1 reply never reaches a client: 502 if nothing was sent, else an incomplete reply whose end the
// client can detect. RFC 9112 §6.3, §7.1, §8; RFC 9110 §5.5.

const ok = 'HTTP/1.1 200 OK\r\n'
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`
const three = 'Content-Length: 3\r\n\r\nabc'

/** S-013, S-014: replies that the gate rejects before it has sent anything to the client. */
const refused: Record<string, string> = {
  'two different Content-Length': `${ok}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`,
  'two equal Content-Length': `${ok}Content-Length: 3\r\n${three}`,
  'Content-Length, then Transfer-Encoding': `${ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  'Transfer-Encoding, then Content-Length': `${ok}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  'Content-Length with a sign': `${ok}Content-Length: +3\r\n\r\nabc`,
  'Content-Length as a list': `${ok}Content-Length: 3, 3\r\n\r\nabc`,
  'Content-Length without a value': `${ok}Content-Length:\r\n\r\nabc`,
  'Content-Length above 2^64': `${ok}Content-Length: 99999999999999999999\r\n\r\nabc`,
  'another transfer coding before chunked': `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  'a transfer coding without chunked': `${ok}Transfer-Encoding: gzip\r\nConnection: close\r\n\r\nabc`,
  'the identity coding': `${ok}Transfer-Encoding: identity\r\nConnection: close\r\n\r\nabc`,
  'Transfer-Encoding without a value': `${ok}Transfer-Encoding:\r\n${three}`,
  'chunked twice': `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  'invalid chunk size': `${chunked}xyz\r\nabc\r\n0\r\n\r\n`,
  'a CR in a value': `${ok}X-A: a\rX-B: b\r\n${three}`,
  'an LF in a value': `${ok}X-A: a\nX-B: b\r\n${three}`,
  'a NUL in a value': `${ok}X-A: a\0b\r\n${three}`,
  'a control character in a value': `${ok}X-A: a\x01b\r\n${three}`,
  'a DEL in a value': `${ok}X-A: a\x7fb\r\n${three}`,
  'a folded value': `${ok}X-A: a\r\n b\r\n${three}`,
  'a space before the colon': `${ok}X-A : a\r\n${three}`,
  'a field without a colon': `${ok}X-A\r\n${three}`,
  'a field without a name': `${ok}: a\r\n${three}`,
  'an LF in the reason phrase': `HTTP/1.1 200 O\nX-B: b\r\n${three}`,
  'a CR in the reason phrase': `HTTP/1.1 200 O\rK\r\n${three}`,
  'a status of two digits': `HTTP/1.1 20 OK\r\n${three}`,
  'a status of four digits': `HTTP/1.1 2000 OK\r\n${three}`,
  'line ends without a CR': `HTTP/1.1 200 OK\nContent-Length: 3\n\nabc`,
  garbage: 'garbage\r\n\r\n',
  'a TLS alert': '\x15\x03\x01\x00\x02\x02\x46',
  'a head of 70 KB in one field (S-139)': `${ok}X-A: ${'a'.repeat(70_000)}\r\n${three}`,
  '101 Switching Protocols without a requested upgrade': `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello`,
}

/** Replies that become malformed after their first part was sent to the client. */
const brokenOff: Record<string, readonly [sent: string, wrong: string]> = {
  'a byte too many in a chunk': [`${chunked}3\r\nabc`, 'de\r\n0\r\n\r\n'],
  'a second chunk size that is no number': [`${chunked}3\r\nabc\r\n`, 'xyz\r\nabc\r\n0\r\n\r\n'],
  'an LF for the end of a chunk': [`${chunked}3\r\nabc`, '\n0\r\n\r\n'],
}
/** In one piece, the gate detects the fault before it has sent any part of the reply. */
for (const [title, pieces] of Object.entries(brokenOff)) refused[`${title}, in one piece`] = pieces.join('')

/** Valid service replies that are followed by surplus bytes. */
const surplus: Record<string, string> = {
  'more bytes than its Content-Length': `${ok}Content-Length: 3\r\n\r\nabcdef`,
  'a second reply without a request': `${ok}${three}${ok}Content-Length: 4\r\n\r\nevil`,
  'a second reply behind a chunked one': `${chunked}3\r\nabc\r\n0\r\n\r\n${ok}Content-Length: 4\r\n\r\nevil`,
}

/** Unusual replies of a service that the gate accepts. */
const harmless: Record<string, string> = {
  'a chunk extension and a trailer': `${chunked}3;a=b\r\nabc\r\n0\r\nX-Secret: trailer\r\n\r\n`,
  'no reason phrase': `HTTP/1.1 200\r\n${three}`,
  'a NUL in the reason phrase': `HTTP/1.1 200 O\0K\r\n${three}`,
}

const nameOf = (title: string) => title.replace(/[^A-Za-z0-9]+/g, '-')
/** Emits the name of a reply in `brokenOff` when the client has received its first part. */
const received = new EventEmitter()
const scripts: Record<string, ScriptedReply | ReplyAction> = Object.fromEntries([
  ...Object.entries({ ...refused, ...surplus, ...harmless }).map(([title, bytes]) => [nameOf(title), { bytes }]),
  ...Object.entries(brokenOff).map(([title, [sent, wrong]]) => [
    nameOf(title),
    async (wire: Wire) => {
      const clientHasIt = once(received, nameOf(title))
      await wire.send(sent)
      await clientHasIt
      await wire.send(wrong)
      await wire.rest()
    },
  ]),
])
const upstream = await rawUpstream(
  scriptedReplies({
    ...scripts,
    good: { bytes: `${ok}Content-Length: 4\r\n\r\ngood` },
    endless: async (wire) => {
      await wire.send(ok)
      for (let n = 0; wire.ending === 'open' && n < 10_000; n++) {
        await wire.send(`X-${n}: ${'a'.repeat(200)}\r\n`)
        await turn()
      }
    },
  }),
)
const node = await startPublicNode([upstream.url])

const get = (title: string) => requestBytes({ target: `/s/${nameOf(title)}` })

test.concurrent.each(Object.keys(refused))(
  'the gate replies 502 to a service reply with %s, and does not reuse the connection',
  async (title) => {
    const reply = await request(node.port, get(title))

    expect(reply.status).toBe(502)
    expect(reply.json()).toMatchObject({ code: 'bad_gateway' })
    expect(reply.field('x-b')).toBeUndefined()
    const record = await node.waitForRecord(({ id }) => id === reply.field('x-request-id'))
    expect(record).toMatchObject({ decision: 'failed', reason: 'upstream-broken', status: 502, attempts: 1 })
    await expectNothingAfter(title)
  },
)

test.concurrent.each(Object.keys(brokenOff))(
  'after %s in a service reply, the gate aborts the reply to the client and does not reuse the connection',
  async (title) => {
    const wire = await connect(node.port)
    await wire.send(get(title))
    expect((await wire.until('abc')).toString()).toMatch(/^HTTP\/1\.1 200 /)
    received.emit(nameOf(title))
    const rest = (await wire.rest()).toString()

    expect(wire.ending).not.toBe('open')
    // The final chunk is missing, and no byte after the fault was sent.
    expect(rest.replace('\r\n', '')).toBe('')
    const record = await node.waitForRecord(({ path }) => path === `/s/${nameOf(title)}`)
    expect(record).toMatchObject({ decision: 'broken', reason: 'reply-broken' })
    await expectNothingAfter(title)
  },
)

test.concurrent.each(Object.keys(surplus))(
  'no client gets the surplus bytes of a service reply with %s, and the gate does not reuse the connection',
  async (title) => {
    const wire = await connect(node.port)
    for (const [name, expected] of [
      [title, 'abc'],
      ['good', 'good'],
    ] as const) {
      await wire.send(get(name))
      expect(await readReply(wire)).toMatchObject({ status: 200, text: expected, complete: true })
    }
    expect(await wire.quiet(50)).toBe(true)
    await expectNothingAfter(title)
  },
)

test.concurrent.each(Object.keys(harmless))(
  'the gate forwards an unusual but valid service reply with %s',
  async (title) => {
    const reply = await request(node.port, get(title))

    expect(reply).toMatchObject({ status: 200, reason: 'OK', text: 'abc', complete: true })
    expect(reply.field('x-secret')).toBeUndefined()
  },
)

test.concurrent('S-139: the gate replies 502 to a service reply whose head never ends, and closes the connection', async () => {
  const reply = await request(node.port, get('endless'))

  expect(reply.status).toBe(502)
  await expectNothingAfter('endless')
  expect(upstream.failures).toEqual([])
})

/** Expects that the request was sent once, and that its connection carries none of 20 further requests. */
async function expectNothingAfter(title: string): Promise<void> {
  await Promise.all(Array.from({ length: 20 }, () => request(node.port, get('good'))))
  const requestLine = `GET /s/${nameOf(title)}`
  const around = requestLinesOf(upstream).filter((lines) => lines.includes(requestLine))
  expect(around.map((lines) => lines.slice(lines.indexOf(requestLine)))).toEqual([[requestLine]])
}
