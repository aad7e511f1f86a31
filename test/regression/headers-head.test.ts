import { beforeAll, expect, test } from 'vitest'
import { GateUnderAttack, together } from './gate-under-attack.ts'
import { expectRefused, expectStoppedByListener } from './refusal.ts'

// The gate checks limits and syntax of a request head that uWebSockets.js accepts (docs/reference/wire.md).

let gate: GateUnderAttack
beforeAll(async () => {
  gate = await GateUnderAttack.start()
})

const head = (line: string, ...fields: readonly string[]) => [line, 'Host: api.test', ...fields, '', ''].join('\r\n')
const get = (...fields: readonly string[]) => head('GET /public/x HTTP/1.1', ...fields)

test.each(['FOO', 'get', 'Post', 'PROPFIND', 'GETT', 'A'.repeat(300), 'G(T:', '', 'GET:'])(
  'the gate rejects the unknown method %s with 400',
  async (method) => {
    const attack = await gate.attack(head(`${method} /public/x HTTP/1.1`))

    expectRefused(attack, { reason: 'method-unknown' })
  },
)

test.each(['CONNECT', 'TRACE'])('the gate rejects the method %s with 405 and does not forward it', async (method) => {
  const attack = await gate.attack(head(`${method} /public/x HTTP/1.1`))

  expectRefused(attack, { status: 405, code: 'method_not_allowed', reason: 'method-refused' })
  expect(attack.replies[0]!.field('allow')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS')
})

test.each([
  ['a path', `/public/${'x'.repeat(8190)}`],
  ['a query', `/public/x?${'y'.repeat(8190)}`],
  ['path and query', `/public/${'x'.repeat(4096)}?${'y'.repeat(4096)}`],
])('the gate replies 414 to a target longer than 8 KiB: %s', async (_what, target) => {
  const attack = await gate.attack(head(`GET ${target} HTTP/1.1`))

  expectRefused(attack, { status: 414, code: 'uri_too_long', reason: 'target-too-long', hasDetail: true })
})

test('the gate forwards a target of almost 8 KiB (8,189 bytes)', async () => {
  const { replies, requests } = await gate.attack(head(`GET /public/${'x'.repeat(4000)}?${'y'.repeat(4180)} HTTP/1.1`))

  expect(replies).toMatchObject([{ status: 200 }])
  expect(requests[0]!.url).toHaveLength(8189)
})

test.each([
  ['one field', [`X-A: ${'v'.repeat(33_000)}`]],
  ['many fields', Array.from({ length: 90 }, (_, n) => `X-${n}: ${'v'.repeat(400)}`)],
  ['long names', Array.from({ length: 90 }, (_, n) => `${'x'.repeat(400)}-${n}: v`)],
])('the gate replies 431 to a request head longer than 32 KiB: %s', async (_what, fields) => {
  expectRefused(await gate.attack(get(...fields)), {
    status: 431,
    code: 'head_too_large',
    reason: 'head-too-large',
    hasDetail: true,
  })
})

test('the gate forwards a request head of 30 kB', async () => {
  const { replies, requests } = await gate.attack(
    get(...Array.from({ length: 60 }, (_, n) => `X-${n}: ${'v'.repeat(490)}`)),
  )

  expect(replies).toMatchObject([{ status: 200 }])
  expect(requests[0]!.fields.filter(([, value]) => value.length === 490)).toHaveLength(60)
})

test('the gate replies 431 to a request with more fields than request.fields_max', async () => {
  const strict = await GateUnderAttack.start({ settings: { request: { fields_max: 20 } } })
  const fields = Array.from({ length: 30 }, (_, n) => `X-${n}: 1`)

  expectRefused(await strict.attack(get(...fields)), {
    status: 431,
    code: 'head_too_large',
    reason: 'fields-too-many',
    hasDetail: true,
  })
  expect((await strict.attack(get(...fields.slice(0, 19)))).replies).toMatchObject([{ status: 200 }])
})

const numbered = (count: number, each: (n: number) => string, separator: string) =>
  Array.from({ length: count }, (_, n) => each(n)).join(separator)

test.each([
  ['33 names', [`Connection: ${numbered(33, (n) => `x-${n}`, ', ')}`]],
  [
    '33 names in two fields',
    [`Connection: ${numbered(16, (n) => `x-${n}`, ',')}`, `Connection: ${numbered(17, (n) => `y-${n}`, ',')}`],
  ],
  ['31 KB of names', [`Connection: ${numbered(6000, (n) => `${n}`, ',')}`]],
  ['empty members', [`Connection: close${','.repeat(32)}x`]],
])('the gate replies 400 to more than 32 members of Connection: %s', async (_what, fields) => {
  expectRefused(await gate.attack(get(...fields)), { status: 400, code: 'bad_request', reason: 'connection-members' })
})

test.each([
  ['257 cookies in one field', [`Cookie: ${numbered(257, (n) => `c${n}=1`, '; ')}`]],
  [
    '257 cookies in two fields',
    [`Cookie: ${numbered(128, (n) => `c${n}=1`, '; ')}`, `Cookie: ${numbered(129, (n) => `d${n}=1`, '; ')}`],
  ],
  ['31 KB of cookies', [`Cookie: ${numbered(4000, (n) => `${n}=1`, ';')}`]],
])('the gate replies 431 to more than 256 cookies: %s', async (_what, fields) => {
  expectRefused(await gate.attack(get(...fields)), {
    status: 431,
    code: 'too_many_cookies',
    reason: 'too-many-cookies',
  })
})

test('the gate admits 32 members of Connection and 256 cookies, and forwards all cookies', async () => {
  const cookies = numbered(256, (n) => `c${n}=1`, '; ')
  const connection = numbered(32, (n) => `x-${n}`, ', ')
  const { replies, requests } = await gate.attack(
    get(`Connection: ${connection}`, `Cookie: ${cookies}`, 'X-0: named', 'X-31: named', 'X-32: stays'),
  )

  expect(replies).toMatchObject([{ status: 200 }])
  expect(requests[0]!.all('cookie')).toEqual([cookies])
  expect(requests[0]!.fields.filter(([name]) => /^x-\d+$/i.test(name))).toEqual([['x-32', 'stays']])
})

/**
 * Characters that are not allowed in a field name (no tchar, RFC 9110 §5.6.2). The listener rejects some of them
 * itself.
 */
const noToken = Array.from('"(),/;<=>?@[\\]{}\x01\x1f\x7f\x80\xff ', (one) => one)

const nameWith = (character: string, host: string) =>
  ['GET /public/x HTTP/1.1', `Host: ${host}`, `X${character}A: 1`, '', ''].join('\r\n')
const withNoToken = together(() => gate, noToken, nameWith)

test.each(noToken)('the gate or its listener rejects %j in a field name', async (character) => {
  const attack = await withNoToken(character)

  if (attack.records.length === 0) expectStoppedByListener(attack, [400])
  else expectRefused(attack, { reason: 'field-name' })
})

const token = Array.from("!#$%&'*+.^_`|~", (one) => one)
const withToken = together(() => gate, token, nameWith)

test.each(token)('the gate accepts and forwards %s in a field name', async (character) => {
  const { replies, requests } = await withToken(character)

  expect(replies).toMatchObject([{ status: 200 }])
  expect(requests[0]!.all(`x${character}a`)).toEqual(['1'])
})

test.each(['a\x7fb', 'a\xffb', 'a\xc3b', 'a\xc0\xafb', 'a\xed\xa0\x80b'])(
  'the gate rejects the field value %j',
  async (value) => {
    expectRefused(await gate.attack(get(`X-A: ${value}`)), { reason: 'field-value' })
  },
)

test('the gate forwards non-ASCII text between ASCII characters of a field value byte for byte', async () => {
  // uWebSockets.js removes bytes of 0x80 and above from both ends of a value, like white space, so the gate does not
  // see them.
  const { recorded } = await gate.attack(
    head('GET /raw/x HTTP/1.1', 'X-A: a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z', 'X-B: a\tb', 'X-C: \xc3\xa9x\xc3\xa9'),
  )

  expect(recorded[0]!.head).toContain('\r\nx-a: a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z\r\nx-b: a\tb\r\n')
  expect(recorded[0]!.head).toMatch(/\r\nx-c: (?:\xc3\xa9)?x(?:\xc3\xa9)?\r\n/)
})

test.each([
  ['Content-Type: text/plain', 'content-type: text/html'],
  ['Expect: 100-continue', 'Expect: 100-continue'],
  ['Upgrade: h2c', 'Upgrade: h2c'],
  ['Origin: https://a.example', 'Origin: https://b.example'],
])('the gate rejects a duplicate of a single-value field: %s', async (one, other) => {
  expectRefused(await gate.attack(get(one, other)), { reason: 'field-repeated' })
})

test.each([
  ['Authorization: Bearer a', 'authorization: Bearer b'],
  ['Authorization: Bearer a', 'Authorization: Bearer a'],
  ['Authorization: Bearer a', 'Authorization:'],
  ['DPoP: a', 'dpop: b'],
])('the gate rejects two credentials, even on a public route: %s', async (one, other) => {
  expectRefused(await gate.attack(get(one, other)), { code: 'invalid_request', reason: 'credential-repeated' })
})

test.each(['application/grpc', 'application/grpc+proto', 'Application/gRPC; charset=utf-8', 'application/grpc-web'])(
  'the gate replies 415 to a gRPC Content-Type and 200 to a gRPC-Web Content-Type: %s',
  async (type) => {
    const attack = await gate.attack(get(`Content-Type: ${type}`))

    if (type.endsWith('-web')) expect(attack.replies).toMatchObject([{ status: 200 }])
    else expectRefused(attack, { status: 415, code: 'grpc_not_supported', reason: 'grpc-unsupported', hasDetail: true })
  },
)
