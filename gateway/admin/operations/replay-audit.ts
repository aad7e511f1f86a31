import { z } from 'zod'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'
import { parseTimeMs } from './audit-query.ts'

const sink = z.string().min(1).max(64)
const time = z.iso.datetime({ offset: true, error: 'must be a time such as 2030-01-31T12:00:00Z (RFC 3339)' })

const orders = [
  z
    .strictObject({ what: z.literal('dead'), sink })
    .describe(
      'Sends the dead letters of the sink again. A record that the sink rejects again becomes a dead letter again.',
    ),
  z
    .strictObject({
      what: z.literal('log'),
      sink,
      since: time.describe('Start of the time range of the audit records to send again (RFC 3339).'),
      until: time.describe(
        'End of the time range of the audit records to send again (RFC 3339). Records that Redis no longer stores are not sent.',
      ),
    })
    .describe('Sends the records of a time range, including records that the sink already has.'),
] as const

export const replayAudit = operation({
  id: 'replay_audit',
  method: 'POST',
  path: '/api/v1/audit/replays',
  summary: 'Send audit records to a sink again',
  description: 'Workers send the selected records in addition to new records. Each record keeps its id.',
  scope: 'gatehouse:audit',
  body: z.discriminatedUnion('what', orders),
  replies: {
    202: {
      description: 'The order to send the records again is stored, and the workers carry it out.',
      schema: z.strictObject({
        sink: z.string(),
        letters: z.number().nullable().describe('Number of dead letters that are sent again; null for a time range.'),
      }),
    },
  },
  problems: ['sink_unknown', 'cluster_unavailable'],
  example: { body: { what: 'dead', sink: 'archive' }, reply: { sink: 'archive', letters: 17 } },
  run: async ({ body, dependencies }) => {
    const letters = await requireRedis(dependencies).audit.replay(
      body.sink,
      body.what === 'dead' ? 'dead' : spanOf(body),
    )
    return { status: 202, document: { sink: body.sink, letters: letters ?? null }, note: { replay: body } }
  },
})

function spanOf({ since, until }: { since: string; until: string }): { sinceMs: number; untilMs: number } {
  const [sinceMs, untilMs] = [parseTimeMs(since, 'since')!, parseTimeMs(until, 'until')!]
  if (untilMs < sinceMs) throw new ApiProblem('invalid_request', '`until` is earlier than `since`')
  return { sinceMs, untilMs }
}
