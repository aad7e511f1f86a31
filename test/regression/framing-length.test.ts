import { beforeAll, expect, test } from 'vitest'
import { connect } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import type { Bytes } from '../kit/wire.ts'
import { GateUnderAttack, together } from './gate-under-attack.ts'
import { framingOf } from './recording-upstream.ts'
import { expectRefused, expectStoppedByListener, type Refusal } from './refusal.ts'

// The gate rejects a request unless every reader that follows RFC 9112 finds the same end of its body
// (docs/design/attack-cases.md, "Framing and smuggling").

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

/** Ways to send bytes after the head. A reader with another view of the framing would read these bytes as a request. */
const followers: Readonly<Record<string, (head: string) => Bytes | readonly Bytes[]>> = {
  alone: (head) => head,
  'with a request in the same packet': (head) => head + smuggled,
  'with a request in the next packet': (head) => [head, smuggled],
  'with chunks and a request': (head) => head + chunks + smuggled,
  'with chunks and a request in separate packets': (head) => [head, chunks, smuggled],
}

/**
 * Adds five tests per row: the gate rejects the request with one log record and no other exchange, whatever bytes
 * follow its head.
 */
function refuses(title: string, rows: readonly Row[]): void {
  const cases = rows.flatMap(([what, fields, refusal]) =>
    Object.entries(followers).map(([follower, bytes]) => ({
      name: `${what}, ${follower}`,
      fields,
      refusal,
      follower,
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

  test.each(cases)(title, async ({ name, refusal, follower }) => {
    expectRefused(await attack(name), follower === 'alone' ? refusal : { ...refusal, more: true })
  })
}

test.each([
  ['Content-Length first', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
  ['Transfer-Encoding first', ['Transfer-Encoding: chunked', 'Content-Length: 4']],
  ['Content-Length: 0', ['Content-Length: 0', 'Transfer-Encoding: chunked']],
])('S-001 uWebSockets.js rejects a request with Content-Length and Transfer-Encoding: %s', async (_order, fields) => {
  expectStoppedByListener(await gate.attack(`${post('api.test', fields)}0\r\n\r\n${smuggled}`), [400])
})

const repeated: Refusal = { reason: 'field-repeated', orByListener: true }

refuses('S-002 the gate rejects two Content-Length fields and reads no body as a request: $name', [
  ['0, then the length', ['Content-Length: 0', smuggledLength], repeated],
  ['the length, then 0', [smuggledLength, 'Content-Length: 0'], repeated],
  ['the length twice', [smuggledLength, smuggledLength], repeated],
  ['3 and 5', ['Content-Length: 3', 'Content-Length: 5'], repeated],
  ['3 and 3', ['Content-Length: 3', 'content-length: 3'], repeated],
  ['0 and 0', ['Content-Length: 0', 'Content-Length: 0'], repeated],
])

refuses('S-002 the gate rejects two Authorization fields and closes the connection, whatever framing follows: $name', [
  ...[[], ['Content-Length: 0', smuggledLength], ['Content-Length:'], ['Transfer-Encoding: identity']].map(
    (fields): Row => [
      fields.join(', ') || 'no framing field',
      ['Authorization: Bearer a', 'Authorization: Bearer b', ...fields],
      { reason: 'credential-repeated', code: 'invalid_request', orByListener: true },
    ],
  ),
])

const length: Refusal = { reason: 'framing-length', orByListener: true }

refuses('S-003 the gate rejects an empty Content-Length and reads no body as a request: $name', [
  ['no bytes', ['Content-Length:'], length],
  ['a space', ['Content-Length: '], length],
  ['a tab', ['Content-Length:\t'], length],
])

refuses('S-004 the gate rejects a Content-Length other than a plain number: $name', [
  ...[
    '003',
    '00',
    '0000000000000003',
    '9007199254740993',
    '9999999999999999',
    '12345678901234567',
    '123456789012345678',
  ].map((value): Row => [value, [`Content-Length: ${value}`], length]),
  // uWebSockets.js rejects these values too, but only after it has passed the request to the gate.
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

refuses('S-004 the gate replies 413 to a Content-Length beyond 2^32 and does not truncate it: $name', [
  ...['4294967299', '9007199254740991'].map(
    (value): Row => [
      value,
      [`Content-Length: ${value}`],
      { status: 413, code: 'body_too_large', reason: 'body-too-large', hasDetail: true },
    ],
  ),
])

test.each(['3', ' 3', '3\t ', '\t3'])('S-004 the gate ignores white space around Content-Length: %j', async (value) => {
  const { replies, recorded } = await gate.attack(`${post('api.test', [`Content-Length:${value}`])}abc`)

  expect(replies[0]?.status).toBe(200)
  expect(recorded.map(({ body }) => body)).toEqual(['abc'])
  expect(framingOf(recorded[0]!.head)).toEqual(['content-length: 3'])
})

const encoding: Refusal = { reason: 'framing-encoding', orByListener: true }

refuses(
  'S-005 the gate rejects a Transfer-Encoding other than chunked: $name',
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
    // U+212A (KELVIN SIGN), which JavaScript lower-cases to k.
    'chun\xe2\x84\xaaed',
  ].map((value): Row => [JSON.stringify(value), [`Transfer-Encoding: ${value}`], encoding]),
)

refuses('S-005 the gate rejects two Transfer-Encoding lines, or an empty one beside Content-Length: $name', [
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
])(
  'S-005 a service gets exactly one framing field for a chunked body that arrives with %s, Transfer-Encoding %s',
  async (method, value) => {
    const wire = await connect(gate.port)
    const { result, recorded, records } = await gate.witness(async () => {
      const head = post('api.test', [`Transfer-Encoding: ${value}`]).replace('POST', method)
      await wire.send([head, '3\r\nabc\r\n', '2\r\nde\r\n', '0\r\n\r\n'])
      return readReply(wire)
    })

    // The client connection carries no other request. The listener closes the connection at the idle timeout.
    expect(result).toMatchObject({ status: 200, text: 'ok' })
    expect(result!.field('connection')).toBe('close')
    expect(records).toMatchObject([{ decision: 'admitted', bytes_in: 5 }])
    expect(recorded).toHaveLength(1)
    expect(framingOf(recorded[0]!.head)).toEqual(['transfer-encoding: chunked'])
    expect(recorded[0]!.body.replaceAll(/[0-9a-f]+\r\n(.*?)\r\n/g, '$1')).toBe('abcde')
  },
)

const alias: Refusal = { reason: 'field-framing-alias' }

refuses(
  'S-006 the gate rejects an alias of a framing field, with and without a Content-Length: $name',
  [
    ...['Transfer_Encoding: chunked', 'Transfer.Encoding: chunked', 'transfer~encoding: identity', 'Content_Length: 0'],
    ...['TRANSFER_ENCODING: chunked', 'Content.Length: 0', "content'length: 99"],
  ].flatMap((field): Row[] => [
    [field, [field], alias],
    [`${field} after Content-Length`, [smuggledLength, field], alias],
  ]),
)

test('request fields after an empty field name reach neither the gate nor a service', async () => {
  const fields = ['X-Before: 1', ': x', 'X-Behind: 1', 'Transfer-Encoding: chunked', smuggledLength]
  const { records, recorded, ending } = await gate.attack(post('api.test', fields) + smuggled, { replies: 'all' })

  // Official builds of uWebSockets.js reject the request. The build of this project reads no framing from it, so it
  // takes the following bytes for another request. It then closes the connection, because the first request has no
  // reply yet.
  expect(ending).not.toBe('open')
  expect(records.filter(({ path }) => path === '/admin/secret')).toEqual([])
  expect(recorded.filter(({ head }) => /behind|transfer-encoding|content-length: [^0]/i.test(head))).toEqual([])
})
