import { sensitiveHeaders } from 'node:http2'
import { expect, test } from 'vitest'
import { ReplyList } from '../../../gateway/http2/reply-list.ts'

// Fields of a reply over HTTP/2. Node.js does not check values before it sends them.

test.each([
  ['a line feed', 'a\nx-b: 1'],
  ['a carriage return', 'a\rx'],
  ['a NUL', 'a\0b'],
  ['a character above U+00FF', 'a\u010ab'],
])('a reply over HTTP/2 with %s in a field of the service is not sent', (_, value) => {
  const list = new ReplyList(200)
  list.addPairs(['x-a', value])

  expect(list.isSafe).toBe(false)
})

test('over HTTP/2, field bytes above 0x7f of a service stay unchanged, and texts of the gate are sent as UTF-8', () => {
  const list = new ReplyList(200)
  list.addPairs(['x-bytes', '\xe9'])
  list.writeHeader('x-text', 'é')

  expect(list.isSafe).toBe(true)
  expect([...list.fields]).toEqual([':status', '200', 'x-bytes', '\xe9', 'x-text', '\xc3\xa9'])
})

test('in a reply over HTTP/2, fields with credentials are marked as never indexed, and connection fields are dropped', () => {
  const list = new ReplyList(401)
  list.addPairs(['set-cookie', 'a=1', 'connection', 'x', 'http2-settings', 'y', 'te', 'gzip', 'x-a', '1'])
  list.addAll([
    ['www-authenticate', 'Bearer'],
    ['x-auth-request-user', 'alice'],
    ['x-gatehouse-jwt-assertion', 'a.b.c'],
  ])
  const names = list.fields.filter((_, i) => i % 2 === 0)

  expect(names).toEqual([
    ':status',
    'set-cookie',
    'x-a',
    'www-authenticate',
    'x-auth-request-user',
    'x-gatehouse-jwt-assertion',
  ])
  expect((list.fields as unknown as Record<symbol, string[]>)[sensitiveHeaders]).toEqual([
    'set-cookie',
    'www-authenticate',
    'x-auth-request-user',
    'x-gatehouse-jwt-assertion',
  ])
})

test('in a reply over HTTP/2, fields whose value differs in each reply are marked as never indexed', () => {
  const list = new ReplyList(200)
  list.writeHeader('x-request-id', 'a1')
  list.writeHeader('content-type', 'text/plain')
  list.writeHeader('ratelimit', '"many";r=9;t=10')

  expect((list.fields as unknown as Record<symbol, string[]>)[sensitiveHeaders]).toEqual(['x-request-id', 'ratelimit'])
})
