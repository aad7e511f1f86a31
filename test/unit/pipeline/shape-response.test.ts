import { expect, test } from 'vitest'
import { shapeResponse } from '../../../gateway/pipeline/phases/shape-response.ts'
import { exchangeOf, type FieldLine } from './exchange-under-test.ts'

// CONTRACT §6, SECURITY.md S-047: a service's reply without what is for one hop, and without what the gate says itself.

function shaped(fields: readonly FieldLine[]): FieldLine[] {
  const x = exchangeOf()
  x.id = 'id-1'
  x.replyHead = {
    status: 200,
    statusText: 'OK',
    fields: fields.flat().map((text) => Buffer.from(text, 'latin1')),
    contentLength: undefined,
  }
  shapeResponse.run(x)
  const flat = x.replyHead.fields.map((part) => (typeof part === 'string' ? part : part.toString('latin1')))
  return Array.from({ length: flat.length / 2 }, (_, n) => [flat[2 * n]!, flat[2 * n + 1]!] as const)
}

const id: FieldLine = ['x-request-id', 'id-1']

test.each([
  ...[
    'Connection',
    'Keep-Alive',
    'TE',
    'Trailer',
    'Upgrade',
    'Proxy-Connection',
    'Transfer-Encoding',
    'Content-Length',
  ],
  ...['Date', 'X-Request-Id', 'X-Gatehouse-Jwt-Assertion', 'X-Gatehouse-Anything', 'X-Gatehouse-'],
])('%s goes, in whatever case', (name) => {
  for (const one of [name, name.toLowerCase(), name.toUpperCase()]) {
    expect(
      shaped([
        ['x-a', '1'],
        [one, 'said by the service'],
        ['x-b', '2'],
      ]),
    ).toEqual([['x-a', '1'], ['x-b', '2'], id])
  }
})

test.each([
  ...['x', 'to', 'data', 'expires', 'x-gatehouse', 'x-gatehous-x', 'x-request-ix', 'content-type', 'set-cookie'],
  ...[
    'content-range',
    'accept-ranges',
    'content-encoding',
    'transfer-encodinx',
    'clear-site-data',
    'alt-svc',
    'location',
  ],
  ...['www-authenticate', 'cache-control', 'vary', 'etag', 'dates', 'tee', 'upgrades', 'connections'],
])('%s stays', (name) => {
  expect(shaped([[name, 'value']])).toEqual([[name, 'value'], id])
})

test('order, case, repeats and bytes stay as they came', () => {
  const fields: FieldLine[] = [
    ['Set-Cookie', 'a=1'],
    ['X-Name', 'é\xff'],
    ['set-cookie', 'b=2'],
    ['X-Empty', ''],
    ['Set-Cookie', 'a=1'],
  ]

  expect(shaped(fields)).toEqual([...fields, id])
})

test.each([
  ['X-Secret', ['x-secret', 'X-SECRET', 'X-Secret']],
  ['close, x-secret', ['x-secret']],
  ['keep-alive,x-secret , ,X-Other', ['x-secret', 'x-other']],
  ['Set-Cookie', ['set-cookie']],
])('what Connection: %s names goes', (value, names) => {
  const named = names.map((name): FieldLine => [name, 'hidden'])

  expect(shaped([...named, ['Connection', value], ['X-Open', 'shown'], ...named])).toEqual([['X-Open', 'shown'], id])
})

test('Connection in several lines is one list', () => {
  const fields: FieldLine[] = [
    ['connection', 'x-a'],
    ['x-a', '1'],
    ['x-b', '2'],
    ['Connection', 'x-b'],
    ['x-c', '3'],
  ]

  expect(shaped(fields)).toEqual([['x-c', '3'], id])
})

test('a service cannot take away the request id by naming it', () => {
  expect(
    shaped([
      ['Connection', 'x-request-id'],
      ['X-Request-Id', 'forged'],
    ]),
  ).toEqual([id])
})
