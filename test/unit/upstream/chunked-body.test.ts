import { expect, test } from 'vitest'
import { ChunkedBody } from '../../../gateway/upstream/chunked-body.ts'
import { MalformedReply } from '../../../gateway/upstream/malformed-reply.ts'

// RFC 9112 §7.1: decoding of a chunked body, however the bytes are split into reads.

interface Decoded {
  readonly data: string
  readonly complete: boolean
  /** Bytes after the chunked body. */
  readonly rest: string
}

function decoded(pieces: readonly string[]): Decoded {
  const body = new ChunkedBody()
  let data = ''
  let rest = ''
  for (const piece of pieces) {
    // The bytes are inside a larger buffer, like the read buffer that all connections share.
    const bytes = Buffer.from(`##${piece}##`, 'latin1')
    const end = body.decode(bytes, 2, 2 + piece.length)
    data += bytes.toString('latin1', body.dataFrom, body.dataTo)
    rest += piece.slice(end - 2)
    expect(bytes.toString('latin1', 2 + piece.length)).toBe('##')
  }
  return { data, complete: body.complete, rest }
}

const right: readonly [text: string, data: string, rest: string][] = [
  ['5\r\nhello\r\n0\r\n\r\n', 'hello', ''],
  ['5\r\nhello\r\n1\r\n,\r\n00006\r\n world\r\n0\r\n\r\n', 'hello, world', ''],
  ['a;name=value;x="y"\r\n0123456789\r\n000;z\r\nX-T: 1\r\nX-U:\r\n\r\nrest', '0123456789', 'rest'],
  ['0\r\n\r\nHTTP/1.1', '', 'HTTP/1.1'],
  ['4\r\n\r\n0\r\r\n0\r\n\r\n', '\r\n0\r', ''],
]

test.each(right)(
  'the chunked decoder reads the body %j as %j: in one piece, split at every offset, and byte by byte',
  (text, data, rest) => {
    const due = { data, complete: true, rest }
    expect(decoded([text])).toEqual(due)
    expect(decoded([...text])).toEqual(due)
    for (let at = 1; at < text.length; at++) expect(decoded([text.slice(0, at), text.slice(at)])).toEqual(due)
  },
)

test.each([
  ...['\r\n', ' 5\r\n', '5 \r\n', '+5\r\n', '0x5\r\n', 'g\r\n', '5\n', '5\rx', ';a\r\n', '5;a\n', '5;a\0\r\n'],
  ...['3\r\nabcX', '3\r\nabc\n', '3\r\nabc\rX', '0\r\nX\r\n', '0\r\n: a\r\n', '0\r\n X: a\r\n', '0\r\nX: a\n'],
  ...['0\r\nX: a\x01', '0\r\n\rX', '20000000000001\r\n', 'fffffffffffffffff\r\n', '00000000000000005\r\n'],
  `5;${'a'.repeat(1025)}`,
  `0\r\nX: ${'a'.repeat(16 * 1024)}`,
])('the chunked decoder rejects the body %j as malformed, in one piece and byte by byte', (text) => {
  expect(() => decoded([text])).toThrow(MalformedReply)
  expect(() => decoded([...text])).toThrow(MalformedReply)
})
