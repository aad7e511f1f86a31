import { expect, test } from 'vitest'
import type { Denial } from '../../../gateway/base/denial.ts'
import type { Reason } from '../../../gateway/base/reasons.ts'
import { FieldKind } from '../../../gateway/pipeline/exchange/field-kind.ts'
import { guardRequest } from '../../../gateway/pipeline/phases/guard-request.ts'
import { exchangeOf, type FieldLine } from './exchange-under-test.ts'

// docs/reference/wire.md: the gate accepts only requests that every HTTP implementation reads in the same way.

type Request = Parameters<typeof exchangeOf>[0] & object

function outcomeOf(request: Request) {
  const x = exchangeOf(request)
  const denial = guardRequest.run(x) as Denial | undefined
  const reason: Reason = denial?.reason ?? 'admitted'
  return { reason, denial, close: x.close || denial?.close === true, handshake: x.head.handshake }
}

interface Handshake {
  readonly method?: string
  /** Overrides fields of a valid handshake. `undefined` removes a field. */
  readonly fields?: Readonly<Record<string, string | undefined>>
  readonly more?: readonly FieldLine[]
}

function handshake({ method = 'GET', fields = {}, more = [] }: Handshake = {}): Request {
  const all: Record<string, string | undefined> = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
    ...fields,
  }
  const lines = Object.entries(all).flatMap(([name, value]): FieldLine[] =>
    value === undefined ? [] : [[name, value]],
  )
  return { method, fields: [...lines, ...more] }
}

const withField = (name: string, value: string): Request => ({ fields: [[name, value]] })
const twice = (name: string, value: string, other = value): Request => ({
  fields: [
    [name, value],
    [name, other],
  ],
})
const host = (value: string): Request => ({ fields: [['host', value]] })
const numbered = (count: number): FieldLine[] => Array.from({ length: count }, (_, n) => [`x-${n}`, '1'])

const refused: Partial<Record<Reason, readonly Request[]>> = {
  'method-unknown': ['FOO', 'get', 'Get', '', ':', 'GE T', 'PROPFIND', 'GETT', 'A'.repeat(300)].map((method) => ({
    method,
  })),
  'method-refused': [{ method: 'CONNECT' }, { method: 'TRACE' }],
  'target-malformed': [
    ...['orders', '', '*', 'http://api.test/', '/ü', '/\ufffd', '/a b', '/a\tb', '/\x7f', '/x?ü', '/x?a b', '/x?\x7f'],
  ].map((target) => ({ target })),
  'target-too-long': [
    { target: `/${'a'.repeat(8192)}` },
    { target: `/a?${'b'.repeat(8191)}` },
    { target: '/abc?def', limits: { targetMaxBytes: 6 } },
  ],
  'head-too-large': [
    withField('x', 'v'.repeat(33_000)),
    { fields: Array.from({ length: 60 }, (_, n): FieldLine => [`x-${n}`, 'v'.repeat(600)]) },
    { fields: [['x', 'v'.repeat(50)]], limits: { headMaxBytes: 60 } },
    withField('x', 'é'.repeat(17_000)),
  ],
  'fields-too-many': [{ fields: numbered(98) }, { fields: numbered(9), limits: { fieldsMax: 9 } }],
  'connection-members': [
    withField('connection', Array.from({ length: 33 }, (_, n) => `x-${n}`).join(',')),
    withField('connection', ','.repeat(32)),
    withField('connection', 'x,'.repeat(15_500)),
    { fields: Array.from({ length: 33 }, (): FieldLine => ['connection', 'keep-alive']) },
    twice('connection', Array.from({ length: 17 }, (_, n) => `x-${n}`).join(', ')),
  ],
  'too-many-cookies': [
    withField('cookie', Array.from({ length: 257 }, (_, n) => `c${n}=1`).join('; ')),
    withField('cookie', ';'.repeat(256)),
    withField('cookie', 'a=;'.repeat(10_300)),
    twice('cookie', Array.from({ length: 129 }, (_, n) => `c${n}=1`).join('; ')),
  ],
  'field-name': ['', 'a b', 'a:', 'ä', 'a\x00', 'a@b', 'a(b)', 'a/b', 'a"', '{a}'].map((name) => withField(name, '1')),
  'field-value': [
    ...['\x00', '\x08', '\n', '\r', '\x1b[31m', '\x7f', '\ufffd'].map((text) => withField('x-a', `a${text}b`)),
    ...['connection', 'origin', 'upgrade', 'dpop'].map((name) => withField(name, 'a\u00a0, b')),
  ],
  'field-repeated': [
    {
      fields: [
        ['host', 'a'],
        ['host', 'a'],
      ],
    },
    twice('content-length', '0'),
    twice('content-length', '0', '40'),
    twice('transfer-encoding', 'chunked'),
    twice('content-type', 'text/plain'),
    twice('expect', '100-continue'),
    twice('upgrade', 'h2c'),
    twice('origin', 'https://a.example'),
  ],
  'field-framing-alias': [
    ...['content_length', 'content.length', 'transfer_encoding', 'transfer~encoding', "transfer'encoding"],
  ].map((name) => withField(name, '0')),
  'credential-repeated': [
    twice('authorization', 'Bearer a'),
    twice('authorization', 'Bearer a', ''),
    twice('dpop', 'a'),
  ],
  'host-malformed': [
    ...[
      '',
      'a b',
      'a,b',
      'a@b',
      'a/b',
      'a:80:90',
      'a:x',
      ':80',
      'a:123456',
      '[::1',
      '::1',
      '[]',
      '[:::]',
      '[1.2.3.4]',
      'a%2e',
    ],
    ...['ä.example', 'a\\b', 'a?b', 'a#b', 'a"b'],
  ].map(host),
  'framing-length': [
    ...[
      '',
      '00',
      '003',
      '+3',
      '-3',
      ' 3',
      '3 ',
      '3,3',
      '0x3',
      '1e3',
      '3.0',
      '１',
      '12345678901234567',
      '9007199254740992',
      'Infinity',
    ],
  ].map((value) => withField('content-length', value)),
  'framing-encoding': [
    ...[
      '',
      'identity',
      'gzip',
      'gzip, chunked',
      'chunked, chunked',
      'chunked;a=b',
      ' chunked',
      'xchunked',
      'chun\u212aed',
    ],
  ].map((value) => withField('transfer-encoding', value)),
  'framing-both': [
    {
      fields: [
        ['content-length', '3'],
        ['transfer-encoding', 'chunked'],
      ],
    },
    {
      fields: [
        ['transfer-encoding', 'Chunked'],
        ['content-length', '0'],
      ],
    },
  ],
  'trailer-announced': [withField('trailer', 'x-t'), withField('trailer', '')],
  'expectation-unknown': ['', '200-ok', '100-continue, x', '100-continue;a=b'].map((value) =>
    withField('expect', value),
  ),
  'upgrade-malformed': [
    withField('upgrade', 'websocket'),
    handshake({ method: 'POST' }),
    handshake({ method: 'HEAD' }),
    ...[
      { connection: undefined },
      { connection: 'keep-alive' },
      { connection: 'close' },
      { 'sec-websocket-key': undefined },
      { 'sec-websocket-key': '' },
      { 'sec-websocket-key': '!!!!!!!!!!!!!!!!!!!!!!==' },
      { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ' },
      { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQA=' },
      { 'content-length': '0' },
      { 'content-length': '5' },
      { 'transfer-encoding': 'chunked' },
      { 'sec-websocket-protocol': '' },
      { 'sec-websocket-protocol': 'a,' },
      { 'sec-websocket-protocol': 'a, a' },
      { 'sec-websocket-protocol': 'a b' },
      { 'sec-websocket-protocol': 'ä' },
      { 'sec-websocket-protocol': 'a;b' },
    ].map((fields) => handshake({ fields })),
    ...[
      ['connection', 'upgrade'],
      ['connection', 'x-a'],
      ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ['sec-websocket-version', '13'],
      ['sec-websocket-protocol', 'chat'],
    ].map(([name, value]) => handshake({ fields: { 'sec-websocket-protocol': 'chat' }, more: [[name!, value!]] })),
  ],
  'upgrade-version': [undefined, '', '8', '013', '13, 8'].map((version) =>
    handshake({ fields: { 'sec-websocket-version': version } }),
  ),
  'grpc-unsupported': [
    'application/grpc',
    'application/GRPC+proto',
    'application/grpc;v=1',
    'application/grpc ; v=1',
  ].map((value) => withField('content-type', value)),
  'path-dot-segment': [{ target: '/a/../b' }, { target: '/a/%2e%2E' }],
  'path-empty-segment': [{ target: '//a' }],
  'path-backslash': [{ target: '/a%5cb' }],
  'path-control': [{ target: '/a%00' }],
  'path-fragment': [{ target: '/a#b' }],
  'path-raw-character': [{ target: '/a<b' }],
  'path-escape': [{ target: '/a%zz' }],
  'path-utf8': [{ target: '/a%c0%ae' }],
}

test('the denial of a WebSocket handshake with an unsupported version names the supported version', () => {
  expect(outcomeOf(handshake({ fields: { 'sec-websocket-version': '8' } })).denial).toMatchObject({
    status: 426,
    fields: [
      ['upgrade', 'websocket'],
      ['sec-websocket-version', '13'],
    ],
  })
})

test.each([
  [{}, []],
  [{ upgrade: 'WebSocket', connection: 'keep-alive, Upgrade' }, []],
  [{ connection: 'close, upgrade' }, []],
  [{ 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits, x-foo' }, []],
  [{ 'sec-websocket-protocol': ' chat.v2 ,\tchat.v1' }, ['chat.v2', 'chat.v1']],
])(
  'the gate reads a WebSocket handshake with the fields %j, and closes the connection afterwards if it does not accept the handshake',
  (fields, protocols) => {
    const { reason, handshake: read, close } = outcomeOf(handshake({ fields }))

    expect([reason, read, close]).toEqual(['admitted', { protocols }, true])
  },
)

test('subprotocols that a WebSocket handshake offers in several fields form one list', () => {
  const more: FieldLine[] = [['sec-websocket-protocol', 'b, c']]

  const { handshake: read } = outcomeOf(handshake({ fields: { 'sec-websocket-protocol': 'a' }, more }))
  expect(read?.protocols).toEqual(['a', 'b', 'c'])
})

test.each(['h2c', 'websocket, h2c', 'xwebsocket'])(
  'a request with Upgrade: %s is handled as an ordinary request, not as a WebSocket handshake',
  (value) => {
    expect(outcomeOf(handshake({ fields: { upgrade: value } }))).toMatchObject({
      reason: 'admitted',
      handshake: undefined,
    })
  },
)

test.each(
  Object.entries(refused).flatMap(([reason, requests]) =>
    requests.map((request) => ({ reason, request, what: JSON.stringify(request).slice(0, 120) })),
  ),
)('the gate refuses with $reason and closes the connection for the request $what', ({ reason, request }) => {
  expect(outcomeOf(request)).toMatchObject({ reason, close: true })
})

test('when the gate refuses TRACE with 405, its Allow field lists the methods that the gate forwards', () => {
  expect(outcomeOf({ method: 'TRACE' }).denial).toMatchObject({
    status: 405,
    fields: [['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS']],
  })
})

test('the gate checks the size limits of a request before the characters of the request target and of the fields', () => {
  expect(outcomeOf({ target: `/${'ü'.repeat(9000)}` }).reason).toBe('target-too-long')
  expect(outcomeOf({ fields: [...numbered(98), ['bad name', '\x00']] }).reason).toBe('fields-too-many')
})

const lawful: Readonly<Record<string, Request>> = {
  '90 fields': { fields: numbered(90) },
  '16 KB of fields': { fields: Array.from({ length: 16 }, (_, n): FieldLine => [`x-${n}`, 'v'.repeat(1000)]) },
  '12,000 letters above ASCII': withField('x', 'é'.repeat(12_000)),
  'a field of 16 KB': withField('cookie', `a=${'v'.repeat(16_000)}`),
  '8 KiB of target': { target: `/${'a'.repeat(8000)}?${'b'.repeat(190)}` },
  'the root': { target: '/' },
  'a * in the query': { target: '/orders?fields=*' },
  'all visible ASCII characters in the query': { target: `/orders?!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~` },
  'a bare ?': { target: '/orders?' },
  'UTF-8 in percent form': { target: '/caf%c3%a9?x=%e2%82%ac' },
  'sub-delimiters': { target: "/a!$&'()*+,=:@-._~|[]" },
  Range: withField('range', 'bytes=0-0,5-9,-1'),
  'Expect: 100-continue': withField('expect', '100-Continue'),
  'text above ASCII in a value': withField('x-name', 'José 価格 😀'),
  'tabs in a value': withField('x-a', 'a\tb'),
  'an empty value': withField('x-a', ''),
  'unusual field names': {
    fields: [
      ['!#$%&*+.^`|~0', '1'],
      ["it's", '1'],
      ['_', '1'],
    ],
  },
  'fields that may repeat': { fields: [...numbered(2), ...numbered(2), ['cookie', 'a=1'], ['cookie', 'b=2']] },
  'two fields of each name that can repeat or is ignored': {
    fields: ['x-request-id', 'traceparent', 'tracestate', 'baggage', 'via', 'connection', 'x-forwarded-for'].flatMap(
      (name): FieldLine[] => [
        [name, 'one'],
        [name, 'two'],
      ],
    ),
  },
  'a body with its length': { method: 'POST', fields: [['content-length', '9007199254740991']] },
  'an empty body': withField('content-length', '0'),
  'a chunked body': { method: 'PUT', fields: [['transfer-encoding', 'CHUNKED']] },
  'a chunked body of a GET': withField('transfer-encoding', 'chunked'),
  'Upgrade to other protocols': withField('upgrade', 'h2c, websocket'),
  'a content type that only begins like gRPC': withField('content-type', 'application/grpcx'),
  'the content type of gRPC-Web': withField('content-type', 'application/grpc-web+proto'),
  'a port in Host': host('api.test:8443'),
  'an empty port in Host': host('api.test:'),
  'a final dot in Host': host('api.test.'),
  'an IPv4 address in Host': host('127.0.0.1:80'),
  'an IPv6 address in Host': host('[2001:db8::1]:80'),
  'an underscore in Host': host('a_b.test'),
}

test.each(Object.entries(lawful))('the gate accepts a request with %s', (_what, request) => {
  expect(outcomeOf(request).reason).toBe('admitted')
})

test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
  'the gate accepts a request with the method %s',
  (method) => {
    expect(outcomeOf({ method }).reason).toBe('admitted')
  },
)

test.each([
  ['API.Test', 'api.test'],
  ['api.test.', 'api.test'],
  ['api.test:8080', 'api.test'],
  ['API.TEST.:80', 'api.test'],
  ['[2001:DB8::1]', '[2001:db8::1]'],
  ['[2001:db8::1]:80', '[2001:db8::1]'],
])('the gate reads Host %s as the host name %s', (value, name) => {
  const x = exchangeOf(host(value))
  guardRequest.run(x)

  expect([x.host, x.head.host]).toEqual([name, value])
})

test('the guard-request phase normalizes the path and does not change the target and the query', () => {
  const x = exchangeOf({ target: '/%6frders/%c3%a9?a=%61' })
  guardRequest.run(x)

  expect([x.path, x.head.target, x.head.query]).toEqual(['/orders/%C3%A9', '/%6frders/%c3%a9', 'a=%61'])
})

test('the guard-request phase determines the body framing, the credential and the kind of each request field', () => {
  const x = exchangeOf({
    method: 'POST',
    fields: [
      ['host', 'api.test'],
      ['content-length', '12'],
      ['authorization', 'Bearer a'],
      ['x-forwarded-for', '10.0.0.1'],
      ['accept', '*/*'],
    ],
  })
  guardRequest.run(x)

  expect(x.head).toMatchObject({ contentLength: 12, chunked: false, authorization: 'Bearer a' })
  expect(x.head.kinds).toEqual([
    FieldKind.host,
    FieldKind.contentLength,
    FieldKind.authorization,
    FieldKind.dropped,
    FieldKind.ordinary,
  ])
})

test.each([
  [[], false, undefined],
  [['keep-alive'], false, undefined],
  [['close'], true, undefined],
  [['CLOSE'], true, undefined],
  [['x-a, close'], true, ['x-a']],
  [[' X-A ,,\t x-b,keep-alive'], false, ['x-a', 'x-b']],
  [['x-a', 'close', 'X-A, x-b'], true, ['x-a', 'x-b']],
  [['closed, close-not'], false, ['closed', 'close-not']],
])('the gate reads the Connection fields %j (close: %s, named fields: %j)', (values, close, names) => {
  const x = exchangeOf({ fields: values.map((value): FieldLine => ['connection', value]) })
  guardRequest.run(x)

  expect(x.close).toBe(close)
  expect(x.head.connectionNames === undefined ? undefined : [...x.head.connectionNames]).toEqual(names)
})

test('the gate closes the client connection after a chunked upload, and keeps it open after an upload with Content-Length', () => {
  const closes = (name: string, value: string) => outcomeOf(withField(name, value)).close

  expect(closes('transfer-encoding', 'chunked')).toBe(true)
  expect(closes('content-length', '3')).toBe(false)
})

test.each([
  [['abc-1'], 'abc-1'],
  [['x'.repeat(128)], 'x'.repeat(128)],
  [[], undefined],
  [[''], undefined],
  [['x'.repeat(129)], undefined],
  [['a b'], undefined],
  [['a"b'], undefined],
  [['one', 'two'], undefined],
  [['one', 'two', 'three'], undefined],
])(
  'when a client sends the X-Request-Id fields %j, the request id is: %s (undefined: generated by the gate)',
  (ids, continued) => {
    const x = exchangeOf({ fields: ids.map((id): FieldLine => ['x-request-id', id]) })
    guardRequest.run(x)

    if (continued === undefined) expect(x.id).toMatch(/^[A-Za-z0-9]{8}-[0-9a-z]+$/)
    else expect(x.id).toBe(continued)
  },
)

test('the gate generates a request id for a request that it denies, even if the client sent one', () => {
  const x = exchangeOf({
    fields: [
      ['x-request-id', 'mine'],
      ['content-length', '+1'],
    ],
  })
  guardRequest.run(x)

  expect(x.id).toMatch(/^[A-Za-z0-9]{8}-[0-9a-z]+$/)
})

test('the gate ignores the request id, traceparent and Via fields of a client if Connection names them', () => {
  const named = { 'x-request-id': 'mine', traceparent: '00-a-b-01', via: '1.1 a' }
  const fields: FieldLine[] = [['connection', 'X-Request-Id, Traceparent, VIA'], ...Object.entries(named)]
  const x = exchangeOf({ fields })
  guardRequest.run(x)

  expect(x.id).not.toBe('mine')
  expect(x.head).toMatchObject({ requestId: undefined, traceparent: undefined, via: undefined })
})

test('the gate joins several Via fields into one list', () => {
  const x = exchangeOf({
    fields: [
      ['via', '1.0 a'],
      ['via', '1.1 b, 1.1 c'],
      ['via', '2 d'],
    ],
  })
  guardRequest.run(x)

  expect(x.head.via).toBe('1.0 a, 1.1 b, 1.1 c, 2 d')
})
