import { printable } from '../base/pretty-text.ts'

/** A trace, as the admin API returns it: only the members that `gatehouse traces` shows. */
export interface TraceDocument {
  readonly trace_id: string
  readonly link: string | null
  readonly spans: readonly SpanDocument[]
}

interface SpanDocument {
  readonly trace_id: string
  readonly span_id: string
  readonly parent_id: string | null
  readonly name: string
  readonly kind: 'server' | 'client' | 'internal' | 'consumer'
  readonly at: string
  readonly offset_ms: number
  readonly ms: number
  readonly error: string | null
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: readonly { readonly span_id: string }[]
}

interface Row {
  readonly span: SpanDocument
  readonly depth: number
}

/** Width of the drawn trace in columns when the output is no terminal. */
const WIDTH = 120
const WIDTH_MIN = 60
const NAME_MAX = 40
const BAR_MIN = 10
const DEPTH_MAX = 20
const TIMES_WIDTH = 24

/**
 * Draws a trace: one line per span, with a bar for the time of the span. A span is listed below the span that caused
 * it.
 *
 * Texts of a trace are untrusted: control characters are printed as visible escapes, and lines are cut instead of
 * wrapped.
 *
 * @param columns  width of the terminal; `undefined` without a terminal
 */
export function waterfall({ trace_id, link, spans }: TraceDocument, columns: number | undefined): string[] {
  const width = Math.max(WIDTH_MIN, columns ?? WIDTH)
  const rows = [...nested(spans)]
  const names = rows.map(({ span, depth }) => `${'  '.repeat(Math.min(depth, DEPTH_MAX))}${printable(span.name)}`)
  const nameMax = Math.min(NAME_MAX, width - TIMES_WIDTH - 2 - BAR_MIN)
  const nameWidth = Math.min(nameMax, Math.max(4, ...names.map((name) => name.length)))
  const barWidth = width - nameWidth - TIMES_WIDTH - 2
  const wholeMs = Math.max(0.001, ...spans.map((span) => span.offset_ms + span.ms))
  const head = [`trace ${trace_id}`, `began ${spans[0]?.at ?? '-'}`, ...(link === null ? [] : [printable(link)])]
  const headers = `${'SPAN'.padEnd(nameWidth)}${'STARTS'.padStart(12)}${'TOOK'.padStart(12)}`
  const lines = rows.flatMap(({ span }, i) => {
    const times = `${ms(span.offset_ms)}${ms(span.ms)}`
    const said = notes(span).map((note) => `${' '.repeat(nameWidth)}  ${printable(note)}`)
    return [`${cut(names[i]!, nameWidth).padEnd(nameWidth)}${times}  ${bar(span, wholeMs, barWidth)}`, ...said]
  })
  return [...head, '', headers, ...lines].map((line) => cut(line.trimEnd(), width))
}

/**
 * Yields the spans of a trace in the order of the output, each after its parent or a span that it links to. A span that
 * has neither in this trace gets depth 0.
 */
function* nested(spans: readonly SpanDocument[]): Generator<Row> {
  const known = new Set(spans.map(({ span_id }) => span_id))
  const parentOf = ({ parent_id, links }: SpanDocument): string | undefined =>
    [parent_id, ...links.map(({ span_id }) => span_id)].find((id) => id !== null && known.has(id)) ?? undefined
  const children = Map.groupBy(spans, parentOf)
  const seen = new Set<SpanDocument>()
  const below = function* (parent: string | undefined, depth: number): Generator<Row> {
    for (const span of children.get(parent) ?? []) {
      // Skip a span that was already listed: spans of another program can refer to each other in a cycle.
      if (seen.has(span)) continue
      seen.add(span)
      yield { span, depth }
      yield* below(span.span_id, depth + 1)
    }
  }
  yield* below(undefined, 0)
  for (const span of spans) if (!seen.has(span)) yield { span, depth: 0 }
}

/** Returns the texts that are printed below a span: its result and reason, and where it ran. */
function notes({ kind, error, attributes }: SpanDocument): string[] {
  const text = (key: string): string => String(attributes[key] ?? '')
  const status = text('http.response.status_code')
  const ended = [status, text('gatehouse.decision'), text('gatehouse.reason'), text('gatehouse.fault')]
  const place = [text('url.path'), text('gatehouse.route'), text('gatehouse.node')]
  const said = {
    server: [joined(ended), joined(place)],
    client: [joined([status, text('url.full'), error ?? ''])],
    internal: [error ?? text('gatehouse.reason')],
    consumer: [error ?? '', text('gatehouse.node')],
  }
  const words = said[kind].filter((word) => word !== '')
  return words.length === 0 ? [] : [words.join(' · ')]
}

function joined(words: readonly string[]): string {
  return words.filter((word) => word !== '').join(' ')
}

function bar({ offset_ms, ms }: SpanDocument, wholeMs: number, width: number): string {
  const from = Math.min(width - 1, Math.floor((offset_ms / wholeMs) * width))
  const length = Math.max(1, Math.min(width - from, Math.round((ms / wholeMs) * width)))
  return `${' '.repeat(from)}${'━'.repeat(length)}`
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`.padStart(12)
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`
}
