import { z } from 'zod'
import type { Span } from '../telemetry/span.ts'
import type { TraceRecord } from '../traces/trace-record.ts'

/** Schema of the summary of one recorded exchange or job. */
export const traceSummary = z.strictObject({
  trace_id: z.string(),
  span_id: z.string(),
  at: z.string().describe('Time at which the exchange or job started (RFC 3339).'),
  node: z.string().nullable(),
  name: z.string().describe('Method and path pattern of the route, for example `GET /orders/**`; for a job, its kind.'),
  method: z.string().nullable(),
  path: z.string().nullable().describe('Path of the request, without the query.'),
  service: z.string().nullable(),
  route: z.string().nullable(),
  status: z.number().nullable(),
  decision: z.string().nullable().describe('Decision on the exchange; null for a job.'),
  reason: z.string().nullable().describe('Reason with which the exchange ended, as in the access log.'),
  ms: z.number().describe('Duration of the exchange or job, ms.'),
  error: z.string().nullable(),
  link: z.string().nullable().describe('URL of the trace by `telemetry.traces.link`; null when the setting is absent.'),
})

const link = z.strictObject({ trace_id: z.string(), span_id: z.string() })

export const traceSpan = z.strictObject({
  trace_id: z.string().describe('Id of the trace. A job that the trace caused has a trace id of its own.'),
  span_id: z.string(),
  parent_id: z.string().nullable(),
  name: z.string(),
  kind: z.enum(['server', 'client', 'internal', 'consumer']),
  at: z.string().describe('Time at which the span started (RFC 3339).'),
  offset_ms: z.number().describe('Time from the start of the first span, ms.'),
  ms: z.number().describe('Duration of the span, ms.'),
  error: z.string().nullable(),
  attributes: z
    .record(z.string(), z.unknown())
    .describe('Attributes by the OpenTelemetry semantic conventions, and `gatehouse.*`.'),
  links: z.array(link).describe('Spans that caused this span.'),
})

/**
 * Summarizes one recorded exchange or job.
 *
 * @param template  value of the setting `telemetry.traces.link`
 */
export function summaryOf([whole]: TraceRecord, template: string | undefined): z.input<typeof traceSummary> {
  const { traceId, spanId, name, startMs, endMs, error, attributes } = whole
  const text = (key: string) => (typeof attributes[key] === 'string' ? attributes[key] : null)
  const status = attributes['http.response.status_code']
  return {
    trace_id: traceId,
    span_id: spanId,
    at: new Date(startMs).toISOString(),
    node: text('gatehouse.node'),
    name,
    method: text('http.request.method'),
    path: text('url.path'),
    service: text('gatehouse.service'),
    route: text('gatehouse.route'),
    status: typeof status === 'number' ? status : null,
    decision: text('gatehouse.decision'),
    reason: text('gatehouse.reason'),
    ms: rounded(endMs - startMs),
    error: error ?? null,
    link: linkOf(traceId, template),
  }
}

/** Returns all spans of the records of one trace, ordered by start time. */
export function spansOf(records: readonly TraceRecord[]): z.input<typeof traceSpan>[] {
  const spans = records.flat().sort((a, b) => a.startMs - b.startMs)
  const firstMs = spans[0]?.startMs ?? 0
  return spans.map((span) => spanDocument(span, firstMs))
}

function spanDocument(span: Span, firstMs: number): z.input<typeof traceSpan> {
  const { traceId, spanId, parentId, name, kind, startMs, endMs, error, attributes, links } = span
  return {
    trace_id: traceId,
    span_id: spanId,
    parent_id: parentId === '' ? null : parentId,
    name,
    kind,
    at: new Date(startMs).toISOString(),
    offset_ms: rounded(startMs - firstMs),
    ms: rounded(endMs - startMs),
    error: error ?? null,
    attributes,
    links: links.map((each) => ({ trace_id: each.traceId, span_id: each.spanId })),
  }
}

export function linkOf(traceId: string, template: string | undefined): string | null {
  return template?.replaceAll('{trace_id}', traceId) ?? null
}

/** Rounds a time in ms to whole microseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
