import { beforeAll, expect, test } from 'vitest'
import { connect } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { GateUnderAttack } from './gate-under-attack.ts'
import { framingOf } from './recording-upstream.ts'
import { expectRefused, expectStoppedByListener } from './refusal.ts'

// SECURITY.md, group A: where a request ends is read by the gate as any other reader of RFC 9112 reads it, or not at all.

let gate: GateUnderAttack
beforeAll(async () => {
  gate = await GateUnderAttack.start()
})

const post = (...fields: readonly string[]) =>
  ['POST /raw/upload HTTP/1.1', 'Host: api.test', ...fields, '', ''].join('\r\n')
const smuggled = 'GET /admin/secret HTTP/1.1\r\nHost: api.test\r\n\r\n'
const smuggledLength = `Content-Length: ${smuggled.length}`
const chunks = '3\r\nabc\r\n0\r\n\r\n'

test.each([
  ['Content-Length first', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
  ['Transfer-Encoding first', ['Transfer-Encoding: chunked', 'Content-Length: 4']],
  ['Content-Length: 0', ['Content-Length: 0', 'Transfer-Encoding: chunked']],
])('S-001 Content-Length and Transfer-Encoding together are refused: %s', async (_order, fields) => {
  expectStoppedByListener(await gate.attack(`${post(...fields)}0\r\n\r\n${smuggled}`), [400])
})

test.each([
  ['0, then the length', ['Content-Length: 0', smuggledLength]],
  ['the length, then 0', [smuggledLength, 'Content-Length: 0']],
  ['the length twice', [smuggledLength, smuggledLength]],
  ['3 and 5', ['Content-Length: 3', 'Content-Length: 5']],
  ['0 twice', ['Content-Length: 0', 'content-length: 0']],
  [
    'behind two Authorization',
    ['Authorization: Bearer a', 'Authorization: Bearer b', 'Content-Length: 0', smuggledLength],
  ],
])('S-002 two Content-Length are refused, and no body becomes a request: %s', async (_values, fields) => {
  const credentials = fields[0]!.startsWith('Authorization')
  const refusal = credentials
    ? { reason: 'credential-repeated', code: 'invalid_request' }
    : { reason: 'field-repeated', orByListener: true }

  expectRefused(await gate.attack(post(...fields) + smuggled), { ...refusal, more: true })
  expectRefused(await gate.attack([post(...fields), smuggled]), { ...refusal, more: true })
  expectRefused(await gate.attack(post(...fields)), refusal)
})

test.each(['Content-Length:', 'Content-Length: ', 'Content-Length:\t'])(
  'S-003 an empty Content-Length is refused, and no body becomes a request: %j',
  async (field) => {
    const refusal = { reason: 'framing-length', orByListener: true }

    expectRefused(await gate.attack(post(field) + smuggled), { ...refusal, more: true })
    expectRefused(await gate.attack([post(field), smuggled]), { ...refusal, more: true })
    expectRefused(await gate.attack(post(field)), refusal)
  },
)

test.each([
  '003',
  '00',
  '0000000000000003',
  '12345678901234567',
  '1234567890123456789',
  '99999999999999999999',
  '+3',
  '-3',
  '3,3',
  '3, 3',
  '0x3',
  '3 3',
  '3.0',
  '3e0',
  'three',
])('S-004 the Content-Length %s is refused', async (value) => {
  // uWebSockets.js refuses what is no number too, but only after it has handed the request over.
  const refusal = { reason: 'framing-length', orByListener: true, more: !/^\d{1,18}$/.test(value) }

  expectRefused(await gate.attack(post(`Content-Length: ${value}`)), refusal)
  expectRefused(await gate.attack(`${post(`Content-Length: ${value}`)}abc${smuggled}`), { ...refusal, more: true })
})

test.each(['4294967299', '9007199254740993', '9999999999999999'])(
  'S-004 a Content-Length of %s is no small number to anybody: too large, before a byte of it is read',
  async (value) => {
    const attack = await gate.attack(`${post(`Content-Length: ${value}`)}abc`)

    expectRefused(attack, { status: 413, code: 'body_too_large', reason: 'body-too-large' })
  },
)

test.each(['3', ' 3', '3\t ', '\t3'])('S-004 white space around a length is no part of it: %j', async (value) => {
  const { replies, recorded } = await gate.attack(`${post(`Content-Length:${value}`)}abc`)

  expect(replies[0]?.status).toBe(200)
  expect(recorded.map(({ body }) => body)).toEqual(['abc'])
  expect(framingOf(recorded[0]!.head)).toEqual(['content-length: 3'])
})

test.each([
  'gzip, chunked',
  'chunked, gzip',
  'identity',
  'xchunked',
  'chunkedx',
  'chunked, chunked',
  'chunked,',
  ',chunked',
  'chunked;q=1',
  '"chunked"',
  'chun\tked',
  // U+212A, which JavaScript lower-cases to k.
  'chun\xe2\x84\xaaed',
  '',
  ' ',
])('S-005 the Transfer-Encoding %j is refused, and nothing behind it becomes a request', async (value) => {
  const refusal = { reason: 'framing-encoding', orByListener: true }
  const head = post(`Transfer-Encoding: ${value}`)

  expectRefused(await gate.attack(head + chunks + smuggled), { ...refusal, more: true })
  expectRefused(await gate.attack([head, chunks, smuggled]), { ...refusal, more: true })
  expectRefused(await gate.attack(head), refusal)
})

test.each([
  ['identity, then chunked', ['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'], 'framing-encoding'],
  ['chunked, then identity', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], 'field-repeated'],
  ['chunked twice', ['Transfer-Encoding: chunked', 'transfer-encoding: chunked'], 'field-repeated'],
  ['empty, then a length', ['Transfer-Encoding:', smuggledLength], 'framing-encoding'],
  ['a length, then empty', [smuggledLength, 'Transfer-Encoding:'], 'framing-encoding'],
])('S-005 Transfer-Encoding in two lines, or empty beside a length, is refused: %s', async (_what, fields, reason) => {
  expectRefused(await gate.attack(post(...fields) + chunks + smuggled), { reason, more: true, orByListener: true })
  expectRefused(await gate.attack(post(...fields)), { reason, orByListener: true })
})

test.each([
  ['GET', 'chunked'],
  ['POST', 'CHUNKED'],
  ['DELETE', 'Chunked'],
])('S-005 a body that is chunked and nothing else arrives whole, in one framing: %s, %s', async (method, value) => {
  const wire = await connect(gate.port)
  const { result, recorded, records } = await gate.witness(async () => {
    const head = post(`Transfer-Encoding: ${value}`).replace('POST', method)
    await wire.send([head, '3\r\nabc\r\n', '2\r\nde\r\n', '0\r\n\r\n'])
    return readReply(wire)
  })

  // The connection carries nothing more, and ends with the idle time.
  expect(result).toMatchObject({ status: 200, text: 'ok' })
  expect(result!.field('connection')).toBe('close')
  expect(records).toMatchObject([{ decision: 'admitted', bytes_in: 5 }])
  expect(recorded).toHaveLength(1)
  expect(framingOf(recorded[0]!.head)).toEqual(['transfer-encoding: chunked'])
  expect(recorded[0]!.body.replaceAll(/[0-9a-f]+\r\n(.*?)\r\n/g, '$1')).toBe('abcde')
})

test.each([
  'Transfer_Encoding: chunked',
  'Transfer.Encoding: chunked',
  'transfer~encoding: identity',
  'TRANSFER_ENCODING: chunked',
  'Content_Length: 0',
  'Content.Length: 0',
  "content'length: 99",
])('S-006 an imitation of a framing field beside a true one is refused: %s', async (field) => {
  expectRefused(await gate.attack(`${post(smuggledLength, field)}${smuggled}`), {
    reason: 'field-framing-alias',
    more: true,
  })
  expectRefused(await gate.attack(post(field)), { reason: 'field-framing-alias' })
})

test('§1.2 behind an empty field name nothing is seen, neither by the gate nor by a service', async () => {
  const fields = ['X-Before: 1', ': x', 'X-Behind: 1', 'Transfer-Encoding: chunked', smuggledLength]
  const { records, recorded, ending } = await gate.attack(post(...fields) + smuggled, { replies: 'all' })

  // Author's builds refuse it; this one reads no framing, so that what follows is one more request, which ends the
  // connection: the first is not answered yet.
  expect(ending).not.toBe('open')
  expect(records.filter(({ path }) => path === '/admin/secret')).toEqual([])
  expect(recorded.filter(({ head }) => /behind|transfer-encoding|content-length: [^0]/i.test(head))).toEqual([])
})
