import { expect, test } from 'vitest'
import { type TraceDocument, waterfall } from '../../../gateway/cli/waterfall.ts'

// Output of a trace on a terminal by the CLI: untrusted texts are escaped, and lines fit the width.

type SpanDocument = TraceDocument['spans'][number]

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
let ids = 0

function span(members: Partial<SpanDocument> = {}): SpanDocument {
  return {
    trace_id: trace,
    span_id: (++ids).toString(16).padStart(16, '0'),
    parent_id: null,
    name: 'GET /orders/**',
    kind: 'server',
    at: '2030-01-31T12:00:00.000Z',
    offset_ms: 0,
    ms: 10,
    error: null,
    attributes: {},
    links: [],
    ...members,
  }
}

const drawn = (spans: readonly SpanDocument[], columns?: number): string[] =>
  waterfall({ trace_id: trace, link: null, spans }, columns)

test('the CLI draws the bar of each span at the time of the span, below the span that caused it', () => {
  const whole = span()
  const inner = span({ name: 'credential', kind: 'internal', parent_id: whole.span_id, offset_ms: 5, ms: 5 })
  const job = span({
    name: 'process introspect',
    kind: 'consumer',
    links: [{ span_id: whole.span_id }],
    offset_ms: 10,
    ms: 10,
  })

  expect(drawn([whole, inner, job], 84)).toEqual([
    `trace ${trace}`,
    'began 2030-01-31T12:00:00.000Z',
    '',
    'SPAN                      STARTS        TOOK',
    `GET /orders/**           0.00 ms    10.00 ms  ${'━'.repeat(19)}`,
    `  credential             5.00 ms     5.00 ms  ${' '.repeat(9)}${'━'.repeat(10)}`,
    `  process introspect    10.00 ms    10.00 ms  ${' '.repeat(19)}${'━'.repeat(19)}`,
  ])
})

test.each([40, 60, 80, 200, undefined])(
  'for a terminal of %s columns (undefined: unknown), the CLI draws no trace line wider than the terminal or than 60 columns, whichever is more',
  (columns) => {
    const whole = span({
      name: 'x'.repeat(300),
      attributes: { 'url.path': '/'.repeat(900), 'gatehouse.reason': 'admitted' },
    })
    const rows = drawn([whole, ...Array.from({ length: 50 }, (_, i) => span({ offset_ms: i * 100 }))], columns)

    expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(Math.max(60, columns ?? 120))
  },
)

test.each([
  ['an escape sequence', '\x1b]0;owned\x07\x1b[2J'],
  ['a line feed', 'a\nb'],
  ['a right-to-left override (U+202E)', 'a\u202eb'],
])('the CLI escapes %s in a span before it prints the trace on a terminal (CWE-150)', (_, text) => {
  const rows = drawn([span({ name: text, attributes: { 'url.path': text, 'gatehouse.fault': text } })])

  expect(rows.join('')).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202a-\u202e]/)
})

test('the CLI draws a trace whose spans name each other as parents in a cycle without an endless loop', () => {
  const [a, b] = ['a'.repeat(16), 'b'.repeat(16)]
  const rows = drawn([span({ span_id: a, parent_id: b }), span({ span_id: b, parent_id: a })])

  expect(rows.filter((row) => row.includes('━'))).toHaveLength(2)
})

test('the CLI keeps the bars of empty spans, and of spans with wrong times, within the width of the line', () => {
  const rows = drawn([span({ ms: 0 }), span({ offset_ms: 0, ms: -5 }), span({ offset_ms: 1e12, ms: 1e12 })], 80)

  expect(rows.every((row) => row.length <= 80)).toBe(true)
})
