import { z } from 'zod'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { sharedParts } from '../stands-alone.ts'
import { parseTimeMs } from './audit-query.ts'

const sink = z.string().min(1).max(64)
const time = z.iso.datetime({ offset: true, error: 'must be a time such as 2030-01-31T12:00:00Z (RFC 3339)' })

const orders = [
  z
    .strictObject({ what: z.literal('dead'), sink })
    .describe('Its dead letters. What it refuses once more becomes a dead letter again.'),
  z
    .strictObject({
      what: z.literal('log'),
      sink,
      since: time.describe('What came into the log from then on,'),
      until: time.describe('up to then, as far as Redis still holds it.'),
    })
    .describe('Records of a time, whether it has them or not.'),
] as const

export const replayAudit = operation({
  id: 'replay_audit',
  method: 'POST',
  path: '/api/v1/audit/replays',
  summary: 'Send records to a sink once more',
  description: 'By the workers, beside what is new. Records have the ids that they had.',
  scope: 'gatehouse:audit',
  body: z.discriminatedUnion('what', orders),
  replies: {
    202: {
      description: 'Ordered.',
      schema: z.strictObject({
        sink: z.string(),
        letters: z.number().nullable().describe('Dead letters that are sent again; null for records of a time.'),
      }),
    },
  },
  problems: ['sink_unknown', 'cluster_unavailable'],
  run: async ({ body, dependencies }) => {
    const letters = await sharedParts(dependencies).audit.replay(
      body.sink,
      body.what === 'dead' ? 'dead' : spanOf(body),
    )
    return { status: 202, document: { sink: body.sink, letters: letters ?? null }, note: { replay: body } }
  },
})

function spanOf({ since, until }: { since: string; until: string }): { sinceMs: number; untilMs: number } {
  const [sinceMs, untilMs] = [parseTimeMs(since, 'since')!, parseTimeMs(until, 'until')!]
  if (untilMs < sinceMs) throw new ApiProblem('invalid_request', 'until lies before since')
  return { sinceMs, untilMs }
}
