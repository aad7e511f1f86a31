import { expect, test } from 'vitest'
import { readTraceRecord } from '../../../gateway/traces/trace-record.ts'

// S-151: a record in Redis that nobody here wrote hides no other one.

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
  ['no JSON', '{'],
  ['no span', written()],
  ['too many spans', written(...Array.from({ length: 101 }, () => ({})))],
  ['another form of an id', written({ traceId: 'x' })],
  ['a time that is none', written({ startMs: 1e300 })],
  ['an end that is none', written({}, { endMs: -1e300 })],
  ['an attribute that is no plain value', written({ attributes: { a: {} } })],
])('S-151 a trace record with %s is rejected', (_, text) => {
  expect(readTraceRecord(text)).toBeUndefined()
})

test('a trace record that the gate wrote is accepted', () => {
  expect(readTraceRecord(written({}, {}))).toHaveLength(2)
})
