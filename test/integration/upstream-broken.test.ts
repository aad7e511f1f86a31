import { expect, test } from 'vitest'
import { exchange, request, requestBytes } from '../kit/raw-client.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { startPublicNode } from './data-plane-node.ts'
import { requestLinesOf, type ScriptedReply, scriptedReplies } from './upstream-script.ts'

// A service that closes or resets its connection: 502 if the client has received nothing, else an incomplete reply whose
// end the client can detect (RFC 9112 §8).

const ok = 'HTTP/1.1 200 OK\r\n'
const chunk = '5\r\nhello\r\n'

/** Faults before the first body byte: the gate has sent nothing to the client. */
const early: Record<string, ScriptedReply> = {
  'a close instead of a reply': { bytes: '', after: 'close' },
  'a reset instead of a reply': { bytes: '', after: 'reset' },
  'a close in mid-head': { bytes: `${ok}Content-Le`, after: 'close' },
  'a reset in mid-head': { bytes: `${ok}Content-Le`, after: 'reset' },
  'a close after a head with Content-Length': { bytes: `${ok}Content-Length: 5\r\n\r\n`, after: 'close' },
  'a close after a chunked head': { bytes: `${ok}Transfer-Encoding: chunked\r\n\r\n`, after: 'close' },
  'a reset after a head without body length': { bytes: `${ok}\r\n`, after: 'reset' },
  'a close after an interim reply': { bytes: 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', after: 'close' },
}

/** Faults before the first byte of a reply: the gate tries once more. */
const unanswered = ['a close instead of a reply', 'a reset instead of a reply']

/** Faults within the body of a service reply. */
const late: Record<string, ScriptedReply> = {
  'a close before the end of Content-Length': { bytes: `${ok}Content-Length: 10\r\n\r\nhello`, after: 'close' },
  'a reset before the end of Content-Length': { bytes: `${ok}Content-Length: 10\r\n\r\nhello`, after: 'reset' },
  'a close before the last chunk': { bytes: `${ok}Transfer-Encoding: chunked\r\n\r\n${chunk}`, after: 'close' },
  'a reset before the last chunk': { bytes: `${ok}Transfer-Encoding: chunked\r\n\r\n${chunk}`, after: 'reset' },
  'a close within a chunk': { bytes: `${ok}Transfer-Encoding: chunked\r\n\r\n9\r\nhello`, after: 'close' },
  'a close before the end of Content-Length, with Connection: close': {
    bytes: `${ok}Connection: close\r\nContent-Length: 10\r\n\r\nhello`,
    after: 'close',
  },
  'a reset of a body without length': { bytes: `${ok}\r\nhello`, after: 'reset' },
}

const nameOf = (title: string) => title.replaceAll(/[^A-Za-z]+/g, '-')
const upstream = await rawUpstream(
  scriptedReplies(
    Object.fromEntries(Object.entries({ ...early, ...late }).map(([title, said]) => [nameOf(title), said])),
  ),
)
const node = await startPublicNode([upstream.url])

const timesReceived = (title: string) =>
  requestLinesOf(upstream)
    .flat()
    .filter((line) => line.endsWith(`/s/${nameOf(title)}`)).length

const earlyCases = Object.keys(early).map((title) => ({ title, attempts: unanswered.includes(title) ? 2 : 1 }))

test.concurrent.each(earlyCases)(
  'after $title, the gate replies 502, and has sent the request $attempts times',
  async ({ title, attempts }) => {
    const reply = await request(node.port, requestBytes({ target: `/s/${nameOf(title)}` }))

    expect(reply).toMatchObject({ status: 502, framing: 'length', complete: true })
    expect(reply.json()).toMatchObject({ code: 'bad_gateway', status: 502 })
    expect(reply.field('connection')).toBeUndefined()
    const record = await node.waitForRecord(({ id }) => id === reply.field('x-request-id'))
    expect(record).toMatchObject({ decision: 'failed', reason: 'upstream-broken', status: 502, attempts })
    expect(timesReceived(title)).toBe(attempts)
  },
)

test.concurrent.each(Object.keys(late))(
  'after %s of the service, the gate aborts the reply to the client and sends no retry',
  async (title) => {
    const { replies, ending } = await exchange(node.port, requestBytes({ target: `/s/${nameOf(title)}` }), {
      replies: 'all',
    })

    expect(replies).toHaveLength(1)
    expect(replies[0]).toMatchObject({ status: 200, text: 'hello', complete: false })
    expect(ending).not.toBe('open')
    const record = await node.waitForRecord(({ path }) => path === `/s/${nameOf(title)}`)
    expect(record).toMatchObject({ decision: 'broken', reason: 'reply-broken', status: 200, bytes_out: 5 })
    expect(timesReceived(title)).toBe(1)
  },
)
