import { z } from 'zod'
import { FOLLOWERS_MAX } from '../../audit/audit-service.ts'
import type { FeedLine } from '../../audit/log-feed.ts'
import { placesText } from '../../audit/log-places.ts'
import type { StreamEvent } from '../event-stream.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'
import { auditQuery, filterOf } from './audit-query.ts'

export const followAudit = operation({
  id: 'follow_audit',
  method: 'GET',
  path: '/api/v1/audit/stream',
  summary: 'Follow the audit log',
  description:
    'Streams new audit records as server-sent events, one event per record. With `Last-Event-ID` or `after`, the stream ' +
    'continues from that place and may repeat some records. A caller that reads nothing for 10 s is disconnected. ' +
    `At most ${FOLLOWERS_MAX} callers can follow the log on one node.`,
  scope: 'gatehouse:audit',
  query: z.strictObject({
    ...auditQuery,
    after: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe('Place to start from: `end` of a search, or the id of an event. Default: the current end of the log.'),
  }),
  replies: {
    200: {
      description:
        'An endless stream of events. `data` is an audit record; `id` is the place in the log after the record.',
      schema: z.string(),
      type: 'text/event-stream',
    },
  },
  problems: ['place_unknown', 'cluster_unavailable', 'followers_full'],
  example: {
    query: { decision: 'refused' },
    reply: 'id: 1911902400000-0\ndata: {"@timestamp":"2030-01-31T12:00:00.000Z","kind":"exchange"}\n\n',
  },
  run: async ({ query, dependencies, lastEventId }) => {
    const filter = filterOf(query)
    const ending = new AbortController()
    const end = () => ending.abort()
    try {
      const lines = await requireRedis(dependencies).audit.follow(filter, lastEventId ?? query.after, ending.signal)
      return { status: 200, events: eventsOf(lines), end }
    } catch (error) {
      end()
      throw error
    }
  },
})

async function* eventsOf(lines: AsyncIterable<FeedLine | undefined>): AsyncGenerator<StreamEvent | undefined> {
  for await (const each of lines) yield each && { id: placesText(each.places), data: each.line }
}
