import { expect, test } from 'vitest'
import type { Exchange } from '../../../gateway/pipeline/exchange/exchange.ts'
import { areTrailersBounded, replyTrailers, requestTrailers } from '../../../gateway/pipeline/exchange/trailers.ts'
import { trailerFields } from '../../../gateway/upstream/trailer-fields.ts'

// RFC 9110 §6.5.1: trailers must not contain fields for framing, routing, authentication or control of the message.

const exchange = {
  route: { service: { credentialFields: new Set(['x-api-key']) } },
  gate: { limits: { fieldsMax: 3, headMaxBytes: 100 } },
} as unknown as Exchange

const refusedInBoth = [
  'connection',
  'transfer-encoding',
  'content-length',
  'content-type',
  'te',
  'http2-settings',
  'set-cookie',
  'x-request-id',
  'x-gatehouse-jwt-assertion',
  'cache-control',
  ':status',
  'bad name',
]

test.each(refusedInBoth)(
  'the gate removes the trailer %s from replies to clients and from requests to services',
  (name) => {
    expect(replyTrailers([name, 'v'])).toEqual([])
    expect(requestTrailers([name, 'v'], exchange)).toEqual([])
  },
)

test.each([
  'authorization',
  'cookie',
  'dpop',
  'host',
  'x-forwarded-for',
  'x_real_ip',
  'x-auth-request-user',
  'x-http-method-override',
  'x-api-key',
  'x_api_key',
  'if-match',
  'expect',
])('the trailer %s of a client does not reach a service', (name) => {
  expect(requestTrailers([name, 'v'], exchange)).toEqual([])
})

test('the trailers of a gRPC message pass through the gate in their order, with repeated names', () => {
  const trailers = [
    'grpc-status',
    '0',
    'grpc-message',
    '',
    'x-part',
    '1',
    'x-part',
    '2',
    'grpc-status-details-bin',
    'CAU',
  ]

  expect(replyTrailers(trailers)).toEqual(trailers)
  expect(requestTrailers(trailers, exchange)).toEqual(trailers)
})

test.each(['a\r\nb', 'a\nb', 'a\0', '\x7f', '\u0100'])('a trailer with the value %j is not sent', (value) => {
  expect(replyTrailers(['x-part', value, 'x-other', 'b\tc'])).toEqual(['x-other', 'b\tc'])
  expect(requestTrailers(['x-part', value], exchange)).toEqual([])
})

test.each([
  ['3 fields', ['a', '1', 'b', '2', 'c', '3'], true],
  ['4 fields', ['a', '1', 'b', '2', 'c', '3', 'd', '4'], false],
  ['100 bytes', ['a', 'v'.repeat(95)], true],
  ['101 bytes', ['a', 'v'.repeat(96)], false],
])('whether request trailers with %s are within the limits of 3 fields and 100 bytes: %s', (_, trailers, isBounded) => {
  expect(areTrailersBounded(trailers, exchange)).toBe(isBounded)
})

test('trailers with one name become several fields, and a trailer named __proto__ is handled like any other', () => {
  const fields = trailerFields(['a', '1', '__proto__', '2', 'a', '3'])

  expect(Object.entries(fields)).toEqual([
    ['a', ['1', '3']],
    ['__proto__', ['2']],
  ])
})
