import { beforeAll, expect, test } from 'vitest'
import { connect } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import type { Bytes } from '../kit/wire.ts'
import { GateUnderAttack, together } from './gate-under-attack.ts'
import { framingOf } from './recording-upstream.ts'
import { expectRefused, expectStoppedByListener, type Refusal } from './refusal.ts'

// docs/design/attack-cases.md, "Framing and smuggling": where a request ends is read by the gate as any other reader of
// RFC 9112 reads it, or not at all.

let gate: GateUnderAttack
beforeAll(async () => {
  gate = await GateUnderAttack.start()
})

const post = (host: string, fields: readonly string[]) =>
  ['POST /raw/upload HTTP/1.1', `Host: ${host}`, ...fields, '', ''].join('\r\n')
const smuggled = 'GET /admin/secret HTTP/1.1\r\nHost: smuggled.test\r\n\r\n'
const smuggledLength = `Content-Length: ${smuggled.length}`
const chunks = '3\r\nabc\r\n0\r\n\r\n'

type Row = readonly [what: string, fields: readonly string[], refusal: Refusal]

/** What comes with the head, or behind it. Something always has, in the name of whoever reads the framing otherwise. */
const companies: Readonly<Record<string, (head: string) => Bytes | readonly Bytes[]>> = {
  alone: (head) => head,
  'with a request in the same packet': (head) => head + smuggled,
  'with a request in the next packet': (head) => [head, smuggled],
  'with chunks and a request': (head) => head + chunks + smuggled,
  'with chunks and a request in packets of their own': (head) => [head, chunks, smuggled],
}

/** Five tests a row: refused, with one record and no other exchange, in whatever company. */
function refuses(title: string, rows: readonly Row[]): void {
  const cases = rows.flatMap(([what, fields, refusal]) =>
    Object.entries(companies).map(([company, bytes]) => ({
      name: `${what}, ${company}`,
      fields,
      refusal,
      company,
      bytes,
    })),
  )
  const attack = together(
    () => gate,
    cases.map(({ name }) => name),
    (name, host) => {
      const { fields, bytes } = cases.find((one) => one.name === name)!
      return bytes(post(host, fields))
    },
  )

  test.each(cases)(title, async ({ name, refusal, company }) => {
    expectRefused(await attack(name), company === 'alone' ? refusal : { ...refusal, more: true })
  })
}

test.each([
  ['Content-Length first', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
  ['Transfer-Encoding first', ['Transfer-Encoding: chunked', 'Content-Length: 4']],
  ['Content-Length: 0', ['Content-Length: 0', 'Transfer-Encoding: chunked']],
])('S-001 a request with Content-Length and Transfer-Encoding is rejected: %s', async (_order, fields) => {
  expectStoppedByListener(await gate.attack(`${post('api.test', fields)}0\r\n\r\n${smuggled}`), [400])
})

const repeated: Refusal = { reason: 'field-repeated', orByListener: true }

refuses('S-002 two Content-Length are refused, and no body becomes a request: $name', [
  ['0, then the length', ['Content-Length: 0', smuggledLength], repeated],
  ['the length, then 0', [smuggledLength, 'Content-Length: 0'], repeated],
  ['the length twice', [smuggledLength, smuggledLength], repeated],
  ['3 and 5', ['Content-Length: 3', 'Content-Length: 5'], repeated],
  ['3 and 3', ['Content-Length: 3', 'content-length: 3'], repeated],
  ['0 and 0', ['Content-Length: 0', 'Content-Length: 0'], repeated],
])

refuses('S-002 what stands behind two Authorization is never looked at, so its connection ends: $name', [
  ...[[], ['Content-Length: 0', smuggledLength], ['Content-Length:'], ['Transfer-Encoding: identity']].map(
    (fields): Row => [
      fields.join(', ') || 'nothing',
      ['Authorization: Bearer a', 'Authorization: Bearer b', ...fields],
      { reason: 'credential-repeated', code: 'invalid_request', orByListener: true },
    ],
  ),
])

const length: Refusal = { reason: 'framing-length', orByListener: true }

refuses('S-003 an empty Content-Length is refused, and no body becomes a request: $name', [
  ['nothing', ['Content-Length:'], length],
  ['a space', ['Content-Length: '], length],
  ['a tab', ['Content-Length:\t'], length],
])

refuses('S-004 a Content-Length that is no plain number is refused: $name', [
  ...[
    '003',
    '00',
    '0000000000000003',
    '9007199254740993',
    '9999999999999999',
    '12345678901234567',
    '123456789012345678',
  ].map((value): Row => [value, [`Content-Length: ${value}`], length]),
  // uWebSockets.js refuses these too, but only after it has handed the request over.
  ...[
    '+3',
    '-3',
    '3,3',
    '3, 3',
    '0x3',
    '3 3',
    '3.0',
    '3e0',
    'three',
    '1234567890123456789',
    '99999999999999999999',
  ].map((value): Row => [value, [`Content-Length: ${value}`], { ...length, more: true }]),
])

refuses('S-004 no length is taken for a small one: too large, before a byte of it is read: $name', [
  ...['4294967299', '9007199254740991'].map(
    (value): Row => [
      value,
      [`Content-Length: ${value}`],
      { status: 413, code: 'body_too_large', reason: 'body-too-large' },
    ],
  ),
])

test.each(['3', ' 3', '3\t ', '\t3'])('S-004 white space around Content-Length is ignored: %j', async (value) => {
  const { replies, recorded } = await gate.attack(`${post('api.test', [`Content-Length:${value}`])}abc`)

  expect(replies[0]?.status).toBe(200)
  expect(recorded.map(({ body }) => body)).toEqual(['abc'])
  expect(framingOf(recorded[0]!.head)).toEqual(['content-length: 3'])
})

const encoding: Refusal = { reason: 'framing-encoding', orByListener: true }

refuses(
  'S-005 a Transfer-Encoding other than chunked is refused: $name',
  [
    ...[
      'gzip, chunked',
      'chunked, gzip',
      'identity',
      'xchunked',
      'chunkedx',
      'chunked, chunked',
      'chunked,',
      ',chunked',
    ],
    ...['chunked;q=1', '"chunked"', 'chun\tked', 'chunke', ''],
    // U+212A, of which JavaScript makes a small k.
    'chun\xe2\x84\xaaed',
  ].map((value): Row => [JSON.stringify(value), [`Transfer-Encoding: ${value}`], encoding]),
)

refuses('S-005 Transfer-Encoding in two lines, or empty beside a length, is refused: $name', [
  ['identity, then chunked', ['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'], encoding],
  ['chunked, then identity', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], repeated],
  ['chunked twice', ['Transfer-Encoding: chunked', 'transfer-encoding: chunked'], repeated],
  ['empty, then a length', ['Transfer-Encoding:', smuggledLength], encoding],
  ['a length, then empty', [smuggledLength, 'Transfer-Encoding:'], encoding],
])

test.each([
  ['GET', 'chunked'],
  ['POST', 'CHUNKED'],
  ['DELETE', 'Chunked'],
])('S-005 a chunked body arrives complete with a single framing: %s, %s', async (method, value) => {
  const wire = await connect(gate.port)
  const { result, recorded, records } = await gate.witness(async () => {
    const head = post('api.test', [`Transfer-Encoding: ${value}`]).replace('POST', method)
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

const alias: Refusal = { reason: 'field-framing-alias' }

refuses(
  'S-006 an imitation of a framing field is refused, beside a true one or not: $name',
  [
    ...['Transfer_Encoding: chunked', 'Transfer.Encoding: chunked', 'transfer~encoding: identity', 'Content_Length: 0'],
    ...['TRANSFER_ENCODING: chunked', 'Content.Length: 0', "content'length: 99"],
  ].flatMap((field): Row[] => [
    [field, [field], alias],
    [`${field} behind a length`, [smuggledLength, field], alias],
  ]),
)

test('fields behind an empty field name reach neither the gate nor a service', async () => {
  const fields = ['X-Before: 1', ': x', 'X-Behind: 1', 'Transfer-Encoding: chunked', smuggledLength]
  const { records, recorded, ending } = await gate.attack(post('api.test', fields) + smuggled, { replies: 'all' })

  // Author's builds refuse it; this one reads no framing, so that what follows is one more request, which ends the
  // connection: the first is not answered yet.
  expect(ending).not.toBe('open')
  expect(records.filter(({ path }) => path === '/admin/secret')).toEqual([])
  expect(recorded.filter(({ head }) => /behind|transfer-encoding|content-length: [^0]/i.test(head))).toEqual([])
})
