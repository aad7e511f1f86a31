import { beforeAll, expect, test } from 'vitest'
import { within } from '../kit/deadline.ts'
import { connect, exchange } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { GateUnderAttack } from './gate-under-attack.ts'

// The gate does not relay a malformed reply of a service as complete, and none of its bytes become part of the reply to
// another client (docs/design/attack-cases.md, "Framing and smuggling").

interface Script {
  readonly reply: string
  /** Bytes that the service sends in a separate packet, 30 ms after the reply. */
  readonly later?: string
  /** Whether the service closes the connection after the reply. */
  readonly closes?: true
}

/** Scripted replies of the service, by requested path. */
const scripts = new Map<string, Script>()
interface Connection {
  /** Paths requested on this connection, in order of arrival. */
  readonly paths: string[]
  readonly over: PromiseWithResolvers<void>
}

const connections: Connection[] = []

let gate: GateUnderAttack
let made = 0

beforeAll(async () => {
  const odd = await rawUpstream(async (wire, index) => {
    const connection = { paths: [] as string[], over: Promise.withResolvers<void>() }
    connections[index] = connection
    while (await wire.some(60_000)) {
      const head = (await wire.until('\r\n\r\n')).toString('latin1')
      const path = head.split(' ')[1]!
      connection.paths.push(path)
      const script = scripts.get(path) ?? { reply: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext' }
      await wire.send([script.reply, ...(script.later === undefined ? [] : [script.later])], 30)
      if (script.closes) break
    }
    connection.over.resolve()
  })
  gate = await GateUnderAttack.start({
    services: {
      odd: {
        upstreams: [odd.url],
        timeouts: { first_byte: '2s', idle: '2s' },
        routes: [{ id: 'odd', match: { path: '/odd/**' }, require: 'public' }],
      },
    },
  })
})

function path(script: Script): string {
  const path = `/odd/${made++}`
  scripts.set(path, script)
  return path
}

const get = (target: string, method = 'GET') => `${method} ${target} HTTP/1.1\r\nHost: api.test\r\n\r\n`

/** Requests the scripted reply, and an ordinary reply after the service has sent all bytes of the script. */
async function getScripted(script: Script, method = 'GET') {
  const target = path(script)
  const { result, records } = await gate.witness(async () => {
    const first = await exchange(gate.port, get(target, method), { head: method === 'HEAD' })
    if (script.later !== undefined)
      await within(40_000, 'the gate to drop the connection', connectionOf(target).over.promise)
    const next = await exchange(gate.port, get(`${target}/next`))
    return { reply: first.replies[0], ending: first.ending, next: next.replies[0]! }
  })
  return { ...result, records, reused: connectionOf(target).paths.at(-1) !== target }
}

function connectionOf(path: string): Connection {
  return connections.find(({ paths }) => paths.includes(path))!
}

/** Expects that the client gets 502 and that the gate does not reuse its connection to the service. */
async function expectBadGateway(reply: string): Promise<void> {
  const outcome = await getScripted({ reply })

  expect(outcome.reply).toMatchObject({ status: 502, reason: 'Bad Gateway', interim: [] })
  expect(outcome.reply!.json()).toMatchObject({ code: 'bad_gateway' })
  expect(outcome.reply!.fields.map(([name]) => name.toLowerCase()).sort()).toEqual([
    'cache-control',
    'content-length',
    'content-type',
    'date',
    'x-request-id',
  ])
  expect(outcome.records[0]).toMatchObject({ decision: 'failed', reason: 'upstream-broken', status: 502 })
  expect(outcome.next).toMatchObject({ status: 200, text: 'next' })
  expect(outcome.reused).toBe(false)
}

const ok = 'HTTP/1.1 200 OK\r\n'
const okay = (...fields: readonly string[]) => `${ok}${[...fields, '', ''].join('\r\n')}`

test.each([
  ['two different Content-Length', `${okay('Content-Length: 2', 'Content-Length: 3')}abc`],
  ['two equal Content-Length', `${okay('Content-Length: 2', 'Content-Length: 2')}ab`],
  ['a list of lengths', `${okay('Content-Length: 2, 2')}ab`],
  ['an empty Content-Length', `${okay('Content-Length:')}ab`],
  ['Content-Length: +2', `${okay('Content-Length: +2')}ab`],
  ['Content-Length: -2', `${okay('Content-Length: -2')}ab`],
  ['Content-Length: 0x2', `${okay('Content-Length: 0x2')}ab`],
  ['a length beyond 2^64', `${okay('Content-Length: 99999999999999999999')}ab`],
  ['a length beyond 2^53', `${okay('Content-Length: 9007199254740993')}ab`],
  ['Content-Length, then chunked', `${okay('Content-Length: 2', 'Transfer-Encoding: chunked')}2\r\nab\r\n0\r\n\r\n`],
  ['chunked, then Content-Length', `${okay('Transfer-Encoding: chunked', 'Content-Length: 2')}2\r\nab\r\n0\r\n\r\n`],
  ['a coding that is not chunked', `${okay('Transfer-Encoding: gzip')}ab`],
  ['a coding beside chunked', `${okay('Transfer-Encoding: gzip, chunked')}2\r\nab\r\n0\r\n\r\n`],
  ['a bad chunk size', `${okay('Transfer-Encoding: chunked')}zz\r\nab\r\n0\r\n\r\n`],
  ['a space before the chunk size', `${okay('Transfer-Encoding: chunked')} 2\r\nab\r\n0\r\n\r\n`],
  ['no chunk size', `${okay('Transfer-Encoding: chunked')}\r\nab\r\n0\r\n\r\n`],
  ['bytes that are not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['a body without a head (HTTP/0.9)', 'ab'],
])('S-013 the gate replies 502 to a service reply with %s', (_what, reply) => expectBadGateway(reply))

test.each([
  [
    'followed by another reply in the same packet',
    { reply: `${okay('Content-Length: 2')}ab${okay('Content-Length: 6')}poison` },
  ],
  [
    'followed by another reply in a later packet',
    { reply: `${okay('Content-Length: 2')}ab`, later: `${okay('Content-Length: 6')}poison` },
  ],
  ['followed by bytes in the same packet', { reply: `${okay('Content-Length: 2')}abpoison` }],
  ['followed by bytes in a later packet', { reply: `${okay('Content-Length: 2')}ab`, later: 'poison' }],
  [
    'followed by bytes after its last chunk',
    { reply: `${okay('Transfer-Encoding: chunked')}2\r\nab\r\n0\r\n\r\npoison` },
  ],
] as const)('S-013 no client gets surplus bytes of a service reply %s', async (_what, script) => {
  const { reply, next, reused, records } = await getScripted(script)

  expect(reply).toMatchObject({ status: 200, text: 'ab' })
  expect(next).toMatchObject({ status: 200, text: 'next' })
  expect(records).toMatchObject([{ reason: 'admitted' }, { reason: 'admitted' }])
  expect(reused).toBe(false)
})

test('S-013 concurrent clients get their own replies although the service sends an additional reply after each reply', async () => {
  const targets = Array.from({ length: 40 }, (_, n) => {
    const body = `own-${n}`
    return path({ reply: `${okay(`Content-Length: ${body.length}`)}${body}${okay('Content-Length: 6')}poison` })
  })
  const { result } = await gate.witness(() => Promise.all(targets.map((target) => exchange(gate.port, get(target)))))

  expect(result.map(({ replies }) => replies[0]?.text)).toEqual(targets.map((_, n) => `own-${n}`))
})

test.each([
  ['shorter than its length', { reply: `${okay('Content-Length: 9')}ab`, closes: true }],
  ['without its last chunk', { reply: `${okay('Transfer-Encoding: chunked')}2\r\nab\r\n`, closes: true }],
  ['with a malformed later chunk', { reply: `${okay('Transfer-Encoding: chunked')}2\r\nab\r\n`, later: 'zz\r\n' }],
  [
    'with wrong bytes after the chunk data',
    { reply: `${okay('Transfer-Encoding: chunked')}2\r\nab`, later: 'XX0\r\n\r\n' },
  ],
] as const)(
  'S-013 the gate breaks off its reply for a service reply %s, so that the client never sees it as complete',
  async (_what, script) => {
    const { reply, ending, records, next, reused } = await getScripted(script)

    expect(reply).toMatchObject({ status: 200, text: 'ab', complete: false })
    expect(ending).not.toBe('open')
    expect(records[0]).toMatchObject({ decision: 'broken', reason: 'reply-broken' })
    expect(next).toMatchObject({ status: 200, text: 'next' })
    expect(reused).toBe(false)
  },
)

const body = 'Content-Length: 2\r\n\r\nab'

test.each([
  ['CR in a value', `${ok}X-A: a\rSet-Cookie: stolen=1\r\n${body}`],
  ['LF in a value', `${ok}X-A: a\nSet-Cookie: stolen=1\r\n${body}`],
  ['CR LF and a space in a value', `${ok}X-A: a\r\n b\r\n${body}`],
  ['NUL in a value', `${ok}X-A: a\0b\r\n${body}`],
  ['a control character in a value', `${ok}X-A: a\x01b\r\n${body}`],
  ['0x7f in a value', `${ok}X-A: a\x7fb\r\n${body}`],
  ['a space in a name', `${ok}X A: a\r\n${body}`],
  ['a space before the colon', `${ok}X-A : a\r\n${body}`],
  ['an empty name', `${ok}: a\r\n${body}`],
  ['a non-ASCII name', `${ok}X-\xe9: a\r\n${body}`],
  ['a field without a colon', `${ok}X-A\r\n${body}`],
  ['LF in its status line', `HTTP/1.1 200 OK\nSet-Cookie: stolen=1\r\n${body}`],
  ['CR in its status line', `HTTP/1.1 200 OK\rSet-Cookie: stolen=1\r\n${body}`],
  ['no status code', `HTTP/1.1 OK\r\n${body}`],
  ['a status of two digits', `HTTP/1.1 20 OK\r\n${body}`],
  ['a status of four digits', `HTTP/1.1 2000 OK\r\n${body}`],
  ['status 099', `HTTP/1.1 099 OK\r\n${body}`],
])('S-014 the gate replies 502 to a service reply with %s', (_what, reply) => expectBadGateway(reply))

test.each([
  ['OK', 'OK'],
  ['', 'OK'],
  ['All is well, \t!', 'All is well, \t!'],
  ['O\0K', 'OK'],
  ['O\x1b[31mK', 'OK'],
  ['O\x7fK', 'OK'],
  ['\xc3\xa9t\xe9', 'OK'],
])('S-014 the gate relays the reason phrase %j of a service as %j', async (phrase, received) => {
  const { reply } = await getScripted({ reply: `HTTP/1.1 200 ${phrase}\r\n${body}` })

  expect(reply).toMatchObject({ status: 200, reason: received, text: 'ab' })
})

test('S-014 the gate relays a non-ASCII field value of a service reply byte for byte', async () => {
  const value = '\xe9t\xe9 \xc3\xa9 \xff'
  const { reply } = await getScripted({ reply: `${okay(`X-A: ${value}`, 'Content-Length: 2')}ab` })

  expect(reply!.field('x-a')).toBe(value)
})

test.each([
  ['HEAD', '200 with a body', `${okay('Content-Length: 5')}bytes`, 200, '5'],
  ['HEAD', '200 with a length beyond 2^32', okay('Content-Length: 5000000000'), 200, '5000000000'],
  ['HEAD', '200 with chunks', `${okay('Transfer-Encoding: chunked')}5\r\nbytes\r\n0\r\n\r\n`, 200, undefined],
  ['HEAD', '200 without a framing', okay('X-A: a'), 200, undefined],
  ['HEAD', '404 with a body', 'HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nbytes', 404, '5'],
  ['GET', '204 with a body', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nbytes', 204, undefined],
  [
    'GET',
    '204 with chunks',
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n0\r\n\r\n',
    204,
    undefined,
  ],
  ['GET', '204', 'HTTP/1.1 204 No Content\r\n\r\n', 204, undefined],
  ['GET', '304 with a body', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nbytes', 304, undefined],
  [
    'GET',
    '304 with chunks',
    'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n0\r\n\r\n',
    304,
    undefined,
  ],
] as const)(
  'S-015 the gate relays the service reply to %s (%s) without a body, and the next reply is correct',
  async (method, _what, reply, status, length) => {
    const target = path({ reply })
    const wire = await connect(gate.port)
    const { result } = await gate.witness(async () => {
      await wire.send(get(target, method))
      const first = await readReply(wire, { head: method === 'HEAD' })
      await wire.send(get(`${target}/next`))
      return { first, next: await readReply(wire) }
    })
    wire.close()

    expect(result.first).toMatchObject({ status, framing: 'none' })
    expect(result.first!.field('content-length')).toBe(length)
    expect(result.first!.all('transfer-encoding')).toEqual([])
    expect(result.next).toMatchObject({ status: 200, text: 'next' })
    if (reply.includes('bytes')) expect(connectionOf(target).paths.at(-1)).toBe(target)
  },
)
