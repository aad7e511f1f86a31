import { z } from 'zod'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { recordedTraces } from '../recorded-traces.ts'
import { linkOf, spansOf, traceSpan } from '../trace-document.ts'

/**
 * Maximum number of recorded exchanges and jobs that are shown per trace. A limit is necessary, because a client can
 * put all its requests into one trace.
 */
const RECORDS_MAX = 50

const trace = z.strictObject({
  trace_id: z.string(),
  link: z.string().nullable().describe('URL of the trace by `telemetry.traces.link`; null when the setting is absent.'),
  spans: z.array(traceSpan).describe('Spans, ordered by start time.'),
})

export const showTrace = operation({
  id: 'show_trace',
  method: 'GET',
  path: '/api/v1/traces/{trace_id}',
  summary: 'Show one trace',
  description: 'Shows at most 50 recorded exchanges of the trace and jobs that these exchanges caused.',
  scope: 'gatehouse:read',
  pathParameters: z.strictObject({
    trace_id: z
      .string()
      .regex(/^[0-9a-f]{32}$/, { error: 'must be 32 hexadecimal digits in lower case' })
      .describe('Id of the trace (W3C Trace Context).'),
  }),
  replies: { 200: { description: 'The trace with its spans.', schema: trace } },
  problems: ['cluster_unavailable', 'traces_not_kept', 'trace_unknown'],
  example: {
    pathParameters: { trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' },
    reply: {
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      link: null,
      spans: [
        {
          trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
          span_id: '00f067aa0ba902b7',
          parent_id: null,
          name: 'GET /orders/**',
          kind: 'server',
          at: '2030-01-31T12:00:00.000Z',
          offset_ms: 0,
          ms: 312.5,
          error: null,
          attributes: { 'http.request.method': 'GET', 'http.response.status_code': 200 },
          links: [],
        },
      ],
    },
  },
  run: async ({ pathParameters: { trace_id: id }, dependencies }) => {
    const { recent, link } = recordedTraces(dependencies)
    const records = await recent.find(
      ([whole]) => whole.traceId === id || whole.links.some(({ traceId }) => traceId === id),
      RECORDS_MAX,
    )
    if (records.length === 0)
      throw new ApiProblem('trace_unknown', 'the trace was not recorded, or it is no longer stored')
    return { status: 200, document: { trace_id: id, link: linkOf(id, link), spans: spansOf(records) } }
  },
})
