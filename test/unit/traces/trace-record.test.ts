import { expect, test } from 'vitest'
import { readTraceRecord } from '../../../gateway/traces/trace-record.ts'

// S-151: an invalid trace record in Redis does not hide valid records.

const span = {
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentId: '',
  remoteParent: true,
  name: 'GET /orders/**',
  kind: 'server',
  startMs: 1_790_000_000_000,
  endMs: 1_790_000_000_001,
  attributes: { 'http.response.status_code': 200 },
  links: [],
}
const written = (...changes: object[]) => JSON.stringify(changes.map((change) => ({ ...span, ...change })))

test.each([
  ['invalid JSON', '{'],
  ['no span', written()],
  ['too many spans', written(...Array.from({ length: 101 }, () => ({})))],
  ['an invalid trace id', written({ traceId: 'x' })],
  ['a start time out of range', written({ startMs: 1e300 })],
  ['an end time out of range', written({}, { endMs: -1e300 })],
  ['an attribute that is an object', written({ attributes: { a: {} } })],
])('S-151: the gate rejects a trace record with %s', (_, text) => {
  expect(readTraceRecord(text)).toBeUndefined()
})

test('the gate accepts a valid trace record with two spans', () => {
  expect(readTraceRecord(written({}, {}))).toHaveLength(2)
})
