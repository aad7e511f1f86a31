import { z } from 'zod'
import { operation } from '../operation.ts'
import { sharedParts } from '../stands-alone.ts'
import { auditQuery, filterOf } from './audit-query.ts'

const LIMIT_DEFAULT = 100
const LIMIT_MAX = 1000

export const searchAudit = operation({
  id: 'search_audit',
  method: 'GET',
  path: '/api/v1/audit/records',
  summary: 'Records of the audit log',
  description:
    'Those that Redis still holds, newest first, batch by batch. One call looks at 200 batches at most: as long as there ' +
    'is a `next`, there may be more, also where a call found none.',
  scope: 'gatehouse:audit',
  query: z.strictObject({
    ...auditQuery,
    limit: z
      .string()
      .regex(/^[1-9][0-9]{0,3}$/, { error: `must be a number from 1 to ${LIMIT_MAX}` })
      .refine((text) => Number(text) <= LIMIT_MAX, { error: `must be a number from 1 to ${LIMIT_MAX}` })
      .optional()
      .describe(`Most records. Default ${LIMIT_DEFAULT}, up to ${LIMIT_MAX}.`),
    before: z.string().min(1).max(1024).optional().describe('`next` of the call before.'),
  }),
  replies: {
    200: {
      description: 'The records.',
      schema: z.strictObject({
        records: z.array(z.record(z.string(), z.unknown())).describe('Fields as docs/guide/audit.md has them.'),
        next: z.string().nullable().describe('`before` of the next call; null: there are no older ones.'),
        end: z.string().describe('Where the log ended: `after` of a stream that goes on from there.'),
      }),
    },
  },
  problems: ['place_unknown', 'cluster_unavailable'],
  run: async ({ query, dependencies }) => {
    const { audit } = sharedParts(dependencies)
    const end = await audit.end()
    const found = await audit.search(filterOf(query), query.before, Number(query.limit ?? LIMIT_DEFAULT))
    return { status: 200, document: { ...found, end } }
  },
})
