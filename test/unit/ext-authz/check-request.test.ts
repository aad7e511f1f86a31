import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type EnvoyCheckRequest, readCheckRequest } from '../../../gateway/ext-authz/check-request.ts'
import { MalformedMessage } from '../../../gateway/ext-authz/protobuf-reader.ts'
import { loadEnvoyProtos } from '../../kit/envoy-protos.ts'
import { fc, propertyRuns } from '../../kit/properties.ts'

// The gate's decoder of CheckRequest against the original protos, and against bytes of the C++ library of protobuf.

const golden = (name: string) => readFileSync(new URL(`../../protos/golden/${name}.bin`, import.meta.url))
const type = loadEnvoyProtos().lookupType('envoy.service.auth.v3.CheckRequest')
const encode = (message: object) => Buffer.from(type.encode(type.fromObject(message)).finish())

test('the decoder reads a CheckRequest that the C++ protobuf library wrote with a map of header fields', () => {
  expect({ ...readCheckRequest(golden('headers')) }).toEqual({
    sourceAddress: '203.0.113.9',
    certificate: '-----BEGIN%20CERTIFICATE-----%0AMIIB%0A-----END%20CERTIFICATE-----%0A',
    method: 'GET',
    path: '/orders/7?limit=10',
    host: 'api.test',
    scheme: 'https',
    query: '',
    fragment: '',
    protocol: 'HTTP/2',
    form: 'map',
    names: [
      ':authority',
      ':method',
      ':path',
      ':scheme',
      'accept',
      'authorization',
      'x-forwarded-for',
      'x-forwarded-proto',
      'x-request-id',
      'x-tenant',
    ],
    values: [
      'api.test',
      'GET',
      '/orders/7?limit=10',
      'https',
      '*/*',
      'Bearer a.b.c',
      '203.0.113.9',
      'https',
      '5b0b6a4e-8f0a-9d39-a5a0-7b1f3f6e2b11',
      'a,b',
    ],
  })
})

test('the decoder reads a CheckRequest that the C++ protobuf library wrote with a list of raw header fields, a body and metadata', () => {
  const { names, values, ...rest } = readCheckRequest(golden('header-map'))

  expect(rest).toEqual({
    sourceAddress: '2001:db8::9',
    certificate: '',
    method: 'POST',
    path: '/demo.Orders/Get',
    host: 'api.test:8443',
    scheme: 'http',
    query: '',
    fragment: '',
    protocol: 'HTTP/1.1',
    form: 'list',
  })
  expect(names.map((name, i) => [name, values[i]])).toEqual([
    [':authority', 'api.test:8443'],
    [':path', '/demo.Orders/Get'],
    [':method', 'POST'],
    ['x-tenant', 'a'],
    ['x-tenant', 'é'],
    ['x-empty', ''],
    ['content-length', '3'],
    ['x-envoy-auth-partial-body', 'false'],
  ])
})

const texts = ['method', 'path', 'host', 'scheme', 'query', 'fragment', 'protocol'] as const
const anyText = fc.string({ unit: 'grapheme', maxLength: 40 })
const anyHttp = fc.record({
  id: anyText,
  ...(Object.fromEntries(texts.map((name) => [name, anyText])) as Record<(typeof texts)[number], typeof anyText>),
  size: fc.integer(),
  raw_body: fc.uint8Array({ maxLength: 300 }),
})
const anyHeaders = fc.oneof(
  fc.record({ headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 20 }), anyText, { maxKeys: 20 }) }),
  fc.record({
    header_map: fc.record({
      headers: fc.array(fc.record({ key: anyText, raw_value: anyText.map((text) => Buffer.from(text)) }), {
        maxLength: 20,
      }),
    }),
  }),
)

test('the decoder of CheckRequest and protobufjs with the original .proto files give the same result for random messages', () => {
  fc.assert(
    fc.property(anyHttp, anyHeaders, anyText, anyText, (http, headers, address, certificate) => {
      const source = { address: { socket_address: { address, port_value: 1 } }, certificate, labels: { a: 'b' } }
      const message = { attributes: { source, request: { http: { ...http, ...headers } } } }
      const bytes = encode(message)
      const { attributes } = type.toObject(type.decode(bytes), { defaults: true }) as {
        attributes: { request: { http: Record<(typeof texts)[number], string> & typeof headers } }
      }
      const read = readCheckRequest(bytes)

      for (const name of texts) expect(read[name]).toBe(attributes.request.http[name])
      expect([read.sourceAddress, read.certificate]).toEqual([address, certificate])
      expect(pairsOf(read)).toEqual(
        'headers' in headers
          ? Object.entries(headers.headers)
          : headers.header_map.headers.map(({ key, raw_value }) => [key, raw_value.toString()]),
      )
    }),
    { numRuns: propertyRuns },
  )
})

const pairsOf = ({ names, values }: EnvoyCheckRequest) => names.map((name, i) => [name, values[i]])

test('for damaged bytes, the decoder of CheckRequest returns a result or throws MalformedMessage, and never reads beyond the message', () => {
  const whole = golden('headers')
  const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 6 })
  fc.assert(
    fc.property(damage, fc.nat(whole.length), (changes, length) => {
      const bytes = Buffer.from(whole.subarray(0, length))
      for (const [at, byte] of changes) if (at < length) bytes[at] = byte
      expect(outcomeOf(bytes)).not.toBe('another error')
    }),
    { numRuns: propertyRuns * 3 },
  )
  for (let length = 1; length < whole.length; length++) expect(outcomeOf(whole.subarray(0, length))).toBe('malformed')
})

function outcomeOf(bytes: Buffer): 'read' | 'malformed' | 'another error' {
  try {
    readCheckRequest(bytes)
    return 'read'
  } catch (error) {
    return error instanceof MalformedMessage ? 'malformed' : 'another error'
  }
}

const http = (...fields: readonly Buffer[]) => nest(1, nest(4, nest(2, Buffer.concat(fields))))
const nest = (field: number, bytes: Buffer) =>
  Buffer.concat([Buffer.from([field * 8 + 2]), varint(bytes.length), bytes])
const textField = (field: number, text: string) => nest(field, Buffer.from(text))
const header = (key: string, value: string) => nest(3, Buffer.concat([textField(1, key), textField(2, value)]))

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}

test('the decoder of CheckRequest skips unknown fields of every wire type', () => {
  const unknown = Buffer.concat([
    Buffer.from([0x78, ...new Array(9).fill(0xff), 1]),
    Buffer.from([0x79, 1, 2, 3, 4, 5, 6, 7, 8]),
    nest(15, Buffer.from('anything')),
    Buffer.from([0x7d, 1, 2, 3, 4]),
    // Field number 536,870,911, the largest.
    Buffer.from([0xf8, 0xff, 0xff, 0xff, 0x0f, 1]),
  ])
  const read = readCheckRequest(Buffer.concat([unknown, http(unknown, textField(4, '/a'), unknown)]))

  expect(read.path).toBe('/a')
})

test.each([
  ['a singular text that occurs twice', http(textField(4, '/a'), textField(4, '/b'))],
  ['a message that occurs twice', Buffer.concat([http(textField(4, '/a')), http(textField(4, '/b'))])],
  ['a key of the map that occurs twice', http(header('a', '1'), header('a', '2'))],
  ['a value that occurs twice', http(nest(3, Buffer.concat([textField(2, '1'), textField(2, '2')])))],
  ['headers and header_map', http(header('a', '1'), nest(13, nest(1, textField(1, 'a'))))],
  ['value and raw_value', http(nest(13, nest(1, Buffer.concat([textField(2, '1'), textField(3, '2')]))))],
  ['a text of another wire type', http(Buffer.from([0x20, 1]))],
  ['a message of another wire type', Buffer.from([0x08, 1])],
  ['a group', http(Buffer.from([0x7b, 0x7c]))],
  ['an end of a group', http(Buffer.from([0x7c]))],
  ['wire type 6', http(Buffer.from([0x7e]))],
  ['field number 0', http(Buffer.from([0x02, 0]))],
  ['a length above the message', http(Buffer.from([0x22, 5, 0x61]))],
  ['a length of 2^32 + 1', http(Buffer.from([0x22, 0x81, 0x80, 0x80, 0x80, 0x10]))],
  ['a length with six bytes', http(Buffer.from([0x22, 0x80, 0x80, 0x80, 0x80, 0x80, 0]))],
  ['a varint with eleven bytes', http(Buffer.from([0x78, ...new Array(10).fill(0x80), 0]))],
  ['an inner length above the outer message', Buffer.from([0x0a, 2, 0x22, 0x05, 1, 2, 3, 4, 5])],
  ['an eight-byte number that is cut', http(Buffer.from([0x79, 1, 2]))],
])('the decoder of CheckRequest refuses a message with %s', (_, bytes) => {
  expect(outcomeOf(bytes)).toBe('malformed')
})

test('the decoder of CheckRequest keeps at most 256 header fields, more than any request may have', () => {
  const fields = Array.from({ length: 300 }, (_, i) => header(`x-${i}`, 'a'))

  expect(readCheckRequest(http(...fields)).names.length).toBe(256)
})

test('in a CheckRequest, invalid UTF-8 bytes are decoded to U+FFFD, which the gate refuses', () => {
  expect(readCheckRequest(http(nest(4, Buffer.from([0x2f, 0xff])))).path).toBe('/\ufffd')
})
