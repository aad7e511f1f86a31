import { z } from 'zod'
import { type TailEvent, VIEWER_RECORDS_PER_S, VIEWERS_MAX } from '../../audit/audit-tail.ts'
import type { StreamEvent } from '../event-stream.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'
import { auditQuery, filterOf } from './audit-query.ts'

const LAST_MAX = 200

export const tailAudit = operation({
  id: 'tail_audit',
  method: 'GET',
  path: '/api/v1/audit/tail',
  summary: 'Watch the audit log',
  description:
    `Streams new audit records as server-sent events for viewers, at most ${VIEWER_RECORDS_PER_S} records per second for ` +
    'each. The node reads the log once for all viewers. For a complete copy, use `GET /api/v1/audit/stream`. A caller ' +
    `that reads nothing for 10 s is disconnected. At most ${VIEWERS_MAX} callers can watch the log on one node.`,
  scope: 'gatehouse:audit',
  query: z.strictObject({
    ...auditQuery,
    last: z
      .string()
      .regex(/^(?:0|[1-9][0-9]?|1[0-9][0-9]|200)$/, { error: `must be a number from 0 to ${LAST_MAX}` })
      .optional()
      .describe(`Number of the newest matching records to begin with. Default 0, at most ${LAST_MAX}.`),
  }),
  replies: {
    200: {
      description:
        'An endless stream of events. `record`: an audit record. `left-out`: `records` is the number of matching records ' +
        'that were not sent, because of their rate or because the caller reads too slowly. `trouble`: the log cannot be ' +
        'read at the moment; the stream continues when it can.',
      schema: z.string(),
      type: 'text/event-stream',
    },
  },
  problems: ['cluster_unavailable', 'followers_full', 'unavailable'],
  example: {
    query: { decision: 'refused', last: '20' },
    reply: 'event: record\ndata: {"time":"2030-01-31T12:00:00.000Z","kind":"exchange"}\n\n',
  },
  run: async ({ query: { last = '0', ...query }, dependencies }) => {
    const filter = filterOf(query)
    const ending = new AbortController()
    const end = () => ending.abort()
    try {
      const events = await requireRedis(dependencies).audit.tail(filter, Number(last), ending.signal)
      return { status: 200, events: eventsOf(events), end }
    } catch (error) {
      end()
      throw error
    }
  },
})

async function* eventsOf(events: AsyncIterable<TailEvent | undefined>): AsyncGenerator<StreamEvent | undefined> {
  for await (const each of events) yield each && { event: each.kind, data: dataOf(each) }
}

function dataOf(event: TailEvent): string {
  switch (event.kind) {
    case 'record':
      return event.line
    case 'left-out':
      return JSON.stringify({ records: event.records })
    case 'trouble':
      return JSON.stringify({ detail: event.detail })
  }
}
