import { expect, test } from 'vitest'
import { shapeResponse } from '../../../gateway/pipeline/phases/shape-response.ts'
import { ReplyHead } from '../../../gateway/upstream/reply-head.ts'
import type { UpstreamTarget } from '../../../gateway/upstream/target.ts'
import { exchangeOf, type FieldLine } from './exchange-under-test.ts'

// docs/design/contract.md §6, S-047: the gate removes hop-by-hop fields and its own fields from the reply of a service.

function shaped(fields: readonly FieldLine[]): FieldLine[] {
  const x = exchangeOf()
  x.target = { origin: 'http://10.0.0.7:8080' } as UpstreamTarget
  const bytes = fields.flat().map((text) => Buffer.from(text, 'latin1'))
  x.replyHead = ReplyHead.of(200, 'OK', bytes, undefined)
  shapeResponse.run(x)
  const [status, ...lines] = x.replyHead.lines().toString('latin1').split('\r\n')
  expect(status).toBe('200 OK')
  return lines.map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)] as const)
}

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
])('the gate removes the response field %s, in any case of its letters', (name) => {
  for (const one of [name, name.toLowerCase(), name.toUpperCase()]) {
    expect(
      shaped([
        ['x-a', '1'],
        [one, 'said by the service'],
        ['x-b', '2'],
      ]),
    ).toEqual([
      ['x-a', '1'],
      ['x-b', '2'],
    ])
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
])('the gate forwards the response field %s', (name) => {
  expect(shaped([[name, 'value']])).toEqual([[name, 'value']])
})

test('the gate keeps the order, case, repetition and bytes of response fields', () => {
  const fields: FieldLine[] = [
    ['Set-Cookie', 'a=1'],
    ['X-Name', 'é\xff'],
    ['set-cookie', 'b=2'],
    ['X-Empty', ''],
    ['Set-Cookie', 'a=1'],
  ]

  expect(shaped(fields)).toEqual(fields)
})

test.each([
  ['X-Secret', ['x-secret', 'X-SECRET', 'X-Secret']],
  ['close, x-secret', ['x-secret']],
  ['keep-alive,x-secret , ,X-Other', ['x-secret', 'x-other']],
  ['Set-Cookie', ['set-cookie']],
])('the gate removes response fields that Connection: %s names', (value, names) => {
  const named = names.map((name): FieldLine => [name, 'hidden'])

  expect(shaped([...named, ['Connection', value], ['X-Open', 'shown'], ...named])).toEqual([['X-Open', 'shown']])
})

test('the gate removes the response fields that any of several Connection fields names', () => {
  const fields: FieldLine[] = [
    ['connection', 'x-a'],
    ['x-a', '1'],
    ['x-b', '2'],
    ['Connection', 'x-b'],
    ['x-c', '3'],
  ]

  expect(shaped(fields)).toEqual([['x-c', '3']])
})

test('the gate removes the X-Request-Id of a service from a response in which Connection names this field', () => {
  expect(
    shaped([
      ['Connection', 'x-request-id'],
      ['X-Request-Id', 'forged'],
    ]),
  ).toEqual([])
})
