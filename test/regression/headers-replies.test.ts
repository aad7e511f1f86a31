import { beforeAll, expect, test } from 'vitest'
import { requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { GateUnderAttack } from './gate-under-attack.ts'

// The gate relays the reply fields of a service, except hop-by-hop fields and fields reserved for the gate
// (docs/design/attack-cases.md, "Headers and spoofing").

let gate: GateUnderAttack
/** Bytes of the next reply that the service sends. */
let answer = ''

beforeAll(async () => {
  const service = await rawUpstream(async (wire) => {
    while (await wire.some(60_000)) {
      await wire.until('\r\n\r\n')
      await wire.send(answer)
    }
  })
  const routes = [{ id: 'said', match: { path: '/said' }, require: 'public' }]
  const timeouts = { first_byte: '2s' }
  gate = await GateUnderAttack.start({ services: { said: { upstreams: [service.url], timeouts, routes } } })
})

const okay = (...fields: readonly string[]) =>
  ['HTTP/1.1 200 OK', ...fields, 'Content-Length: 2', '', 'ab'].join('\r\n')

async function relayed(reply: string): Promise<RawReply> {
  answer = reply
  return gate.ask(requestBytes({ target: '/said' }))
}

test.each([
  'X-Gatehouse-Jwt-Assertion: forged',
  'x-gatehouse-anything: forged',
  'X-GATEHOUSE-: forged',
  'X-Request-Id: forged',
  'Keep-Alive: timeout=forged',
  'Proxy-Connection: forged',
  'TE: forged',
  'Trailer: forged',
  'Upgrade: forged',
  'Connection: forged',
])('S-047 the gate removes the reply field "%s" of a service', async (field) => {
  const reply = await relayed(okay(field))

  expect(reply).toMatchObject({ status: 200, text: 'ab' })
  expect(reply.fields.filter(([, value]) => value.includes('forged'))).toEqual([])
  expect(reply.all('x-request-id')).toEqual([expect.stringMatching(/^[A-Za-z0-9]{8}-/)])
})

test.each([
  ['x-secret', ['X-Secret: hidden']],
  ['X-SECRET , close', ['X-Secret: hidden']],
  ['keep-alive, X-Secret,,x-other', ['X-Secret: hidden', 'x-other: hidden', 'X-SECRET: hidden']],
  ['x-request-id, date, content-length, x-secret', ['X-Secret: hidden']],
])('S-047 the gate removes service reply fields that Connection names: %s', async (value, fields) => {
  const reply = await relayed(okay(`Connection: ${value}`, ...fields, 'X-Open: shown'))

  expect(reply.text).toBe('ab')
  expect(reply.fields.filter(([, field]) => field === 'hidden')).toEqual([])
  expect(reply.field('x-open')).toBe('shown')
  for (const ours of ['x-request-id', 'date', 'content-length']) expect(reply.all(ours)).toHaveLength(1)
})

test('S-047 the gate relays other reply fields of a service unchanged: order, case, duplicates, browser policies', async () => {
  const fields = [
    'Set-Cookie: a=1; Path=/',
    'Set-Cookie: b=2; HttpOnly',
    'Clear-Site-Data: "cache", "storage"',
    'Alt-Svc: clear',
    'X-Frame-Options: DENY',
    'WWW-Authenticate: Basic realm="of the service"',
    'Server: service/1.0',
    'content-TYPE: text/plain; charset=utf-8',
    'X-Empty:',
  ]
  const reply = await relayed(okay(...fields))

  expect(reply.fields.slice(0, fields.length).map(([name, value]) => `${name}: ${value}`.trim())).toEqual(fields)
  expect(
    reply.fields
      .slice(fields.length)
      .map(([name]) => name.toLowerCase())
      .sort(),
  ).toEqual(['content-length', 'date', 'x-request-id'])
})

test.each([
  ['"cookies"', undefined],
  ['"*"', undefined],
  ['"cache", "cookies", "storage"', '"cache", "storage"'],
  [' "cookies" ,"cache"', '"cache"'],
  ['"COOKIES", "cache"', '"cache"'],
  ['"cookies";p="x"', undefined],
])(
  'S-047 the gate relays Clear-Site-Data: %s of a service without the directives that delete cookies',
  async (value, arrived) => {
    const reply = await relayed(okay('X-Before: 1', `Clear-Site-Data: ${value}`, 'X-After: 2'))

    expect(reply).toMatchObject({ status: 200, text: 'ab' })
    expect(reply.field('clear-site-data')).toBe(arrived)
    expect(reply.field('x-before')).toBe('1')
    expect(reply.field('x-after')).toBe('2')
  },
)

test('S-047 a reply of the gate has exactly one Date field, which the gate has set', async () => {
  const reply = await relayed(okay('Date: Thu, 01 Jan 1970 00:00:00 GMT'))

  expect(reply.all('date')).toEqual([expect.not.stringContaining('1970')])
})

test.each([
  ['102', 'HTTP/1.1 102 Processing\r\n\r\n'],
  ['103', 'HTTP/1.1 103 Early Hints\r\nLink: </early>; rel=preload\r\nSet-Cookie: early=1\r\n\r\n'],
  ['two 103 replies', 'HTTP/1.1 103 Early Hints\r\nLink: </early>\r\n\r\n'.repeat(2)],
  ['199', 'HTTP/1.1 199 Early\r\nX-Early: early\r\n\r\n'],
])('S-047 the gate relays no interim reply (%s) of a service, but the final reply', async (_status, interim) => {
  const reply = await relayed(interim + okay('X-Final: 1'))

  expect(reply).toMatchObject({ status: 200, text: 'ab', interim: [] })
  expect(reply.field('x-final')).toBe('1')
  expect(JSON.stringify(reply.fields)).not.toContain('early')
})

test.each([
  ['100 without an expectation', `HTTP/1.1 100 Continue\r\n\r\n${okay()}`],
  ['101 without an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nbytes'],
])('S-047 the gate never relays an unsolicited interim reply of a service: %s', async (_status, reply) => {
  const shown = await relayed(reply)

  expect(shown.interim).toEqual([])
  expect([200, 502]).toContain(shown.status)
  expect(shown.text).not.toContain('bytes')
})

test('S-047 the gate does not relay the trailers of a service reply', async () => {
  const chunks = '2;name=value\r\nab\r\n0\r\nX-T: trailer\r\nSet-Cookie: t=1\r\n\r\n'
  const reply = await relayed(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n${chunks}`)

  // The HTTP client of the tests would reject a reply with trailers.
  expect(reply).toMatchObject({ status: 200, text: 'ab', complete: true })
  expect(reply.all('trailer')).toEqual([])
})
