import { z } from 'zod'
import { decisions } from '../../base/decision.ts'
import type { TraceRecord } from '../../traces/trace-record.ts'
import { operation } from '../operation.ts'
import { recordedTraces } from '../recorded-traces.ts'
import { summaryOf, traceSummary } from '../trace-document.ts'

const LIMIT = 20

const name = z.string().min(1).max(256).optional()

const filter = z.strictObject({
  route: name.describe('Only exchanges of this route.'),
  service: name.describe('Only exchanges of this service.'),
  decision: z.enum(decisions).optional(),
  reason: name.describe('Only exchanges that ended for this reason.'),
  min_ms: z
    .string()
    .regex(/^[0-9]{1,9}$/, { error: 'must be a number of milliseconds' })
    .optional()
    .describe('Only exchanges that took at least this time, ms.'),
  since: z.iso
    .datetime({ offset: true, error: 'must be a time such as 2030-01-31T12:00:00Z (RFC 3339)' })
    .optional()
    .describe('Only exchanges that began at this time or later (RFC 3339).'),
  limit: z
    .string()
    .regex(/^(?:[1-9][0-9]{0,2}|1000)$/, { error: 'must be a number from 1 to 1000' })
    .optional()
    .describe(`Maximum number of exchanges. Default ${LIMIT}, at most 1000.`),
})

export const listTraces = operation({
  id: 'list_traces',
  method: 'GET',
  path: '/api/v1/traces',
  summary: 'List recently recorded exchanges',
  description:
    'Lists exchanges of all nodes and jobs of all workers, newest first. The cluster stores as many as ' +
    '`telemetry.traces.recent`: exchanges that were sampled, or recorded because of their outcome.',
  scope: 'gatehouse:read',
  query: filter,
  replies: {
    200: { description: 'The recorded exchanges and jobs.', schema: z.strictObject({ traces: z.array(traceSummary) }) },
  },
  problems: ['cluster_unavailable', 'traces_not_kept'],
  example: {
    query: { route: 'orders.read', min_ms: '250', limit: '20' },
    reply: {
      traces: [
        {
          trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
          span_id: '00f067aa0ba902b7',
          at: '2030-01-31T12:00:00.000Z',
          node: 'node-a',
          name: 'GET /orders/**',
          method: 'GET',
          path: '/orders/1',
          service: 'orders',
          route: 'orders.read',
          status: 200,
          decision: 'admitted',
          reason: 'admitted',
          ms: 312.5,
          error: null,
          link: null,
        },
      ],
    },
  },
  run: async ({ query, dependencies }) => {
    const { recent, link } = recordedTraces(dependencies)
    const records = await recent.find(matching(query), Number(query.limit ?? LIMIT))
    return { status: 200, document: { traces: records.map((record) => summaryOf(record, link)) } }
  },
})

function matching(wanted: z.output<typeof filter>): (record: TraceRecord) => boolean {
  const texts = [
    ['gatehouse.route', wanted.route],
    ['gatehouse.service', wanted.service],
    ['gatehouse.decision', wanted.decision],
    ['gatehouse.reason', wanted.reason],
  ] as const
  const leastMs = Number(wanted.min_ms ?? 0)
  const sinceMs = wanted.since === undefined ? 0 : Date.parse(wanted.since)
  return ([{ attributes, startMs, endMs }]) =>
    endMs - startMs >= leastMs &&
    startMs >= sinceMs &&
    texts.every(([key, value]) => value === undefined || attributes[key] === value)
}
