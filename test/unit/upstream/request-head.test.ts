import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { requestHead } from '../../../gateway/upstream/request-head.ts'

// A request head is exactly one request, whatever its method, target and fields contain (RFC 9112 §2.2, CWE-93,
// CWE-444).

const timeouts = { firstByteMs: 1, idleMs: 1 }
const plain = { method: 'GET', target: '/', fields: ['host', 'api.test'], body: undefined, timeouts }
const body = Readable.from([])

test('the gate writes Host first in a request head, and then the other fields in their order', () => {
  const fields = ['x-a', '1', 'host', 'api.test', 'x-a', 'é']

  expect(requestHead({ ...plain, target: '/a?b', fields }, 'upstream.test').text).toBe(
    'GET /a?b HTTP/1.1\r\nhost: api.test\r\nconnection: keep-alive\r\nx-a: 1\r\nx-a: é\r\n\r\n',
  )
})

test.each([
  ['GET', [], undefined, []],
  ['GET', [], body, ['transfer-encoding: chunked']],
  ['GET', ['content-length', '3'], body, ['content-length: 3']],
  ['POST', [], undefined, ['content-length: 0']],
  ['POST', ['content-length', '0'], undefined, ['content-length: 0']],
  ['PUT', [], body, ['transfer-encoding: chunked']],
  ['DELETE', [], undefined, []],
])(
  'for a %s request with the fields %j, the gate writes a request head with the framing of the body',
  (method, fields, body, framing) => {
    const { text, contentLength } = requestHead({ ...plain, method, fields, body }, 'upstream.test')

    expect(text.split('\r\n').filter((line) => /^(?:content-length|transfer-encoding)/.test(line))).toEqual(framing)
    expect(contentLength).toBe(fields.length === 0 ? undefined : Number(fields[1]))
  },
)

const splitting = ['\r', '\n', '\0', '\r\nX-Injected: 1', 'Ċ', '\u{1f600}']

test.each([
  ...splitting.map((text) => ['a field value', { fields: ['x-a', `a${text}b`] }] as const),
  ...splitting.map((text) => ['a field name', { fields: [`x${text}a`, 'b'] }] as const),
  ...splitting.map((text) => ['a host', { fields: ['host', `a${text}b`] }] as const),
  ...[...splitting, ' ', '\t', '\x7f', ' HTTP/1.1\r\n'].map((text) => ['a target', { target: `/a${text}b` }] as const),
  ...[...splitting, ' '].map((text) => ['a method', { method: `G${text}T` }] as const),
  ['a method', { method: '' }] as const,
  ['a target', { target: '' }] as const,
])('the gate throws a node-fault instead of writing a corrupt request head for %s: %j', (_where, part) => {
  expect(() =>
    requestHead({ ...plain, ...part, fields: 'fields' in part ? [...part.fields] : [] }, 'upstream.test'),
  ).toThrow(expect.objectContaining({ reason: 'node-fault' }))
})
