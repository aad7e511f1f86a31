import { z } from 'zod'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'
import { auditQuery, filterOf } from './audit-query.ts'

const LIMIT_DEFAULT = 100
const LIMIT_MAX = 1000

export const searchAudit = operation({
  id: 'search_audit',
  method: 'GET',
  path: '/api/v1/audit/records',
  summary: 'Search the audit log',
  description:
    'Searches the records that Redis still stores, newest first. One call reads 200 batches at most. When `next` is not ' +
    'null, there may be more records, even when the call found none.',
  scope: 'gatehouse:audit',
  query: z.strictObject({
    ...auditQuery,
    limit: z
      .string()
      .regex(/^[1-9][0-9]{0,3}$/, { error: `must be a number from 1 to ${LIMIT_MAX}` })
      .refine((text) => Number(text) <= LIMIT_MAX, { error: `must be a number from 1 to ${LIMIT_MAX}` })
      .optional()
      .describe(`Maximum number of records. Default ${LIMIT_DEFAULT}, at most ${LIMIT_MAX}.`),
    before: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe('`next` of the previous call: continues with older records.'),
  }),
  replies: {
    200: {
      description: 'The audit records.',
      schema: z.strictObject({
        records: z
          .array(z.record(z.string(), z.unknown()))
          .describe('Audit records with the fields of docs/guide/audit.md.'),
        next: z
          .string()
          .nullable()
          .describe('Value of `before` for the next call; null when there are no older records.'),
        end: z
          .string()
          .describe(
            'End of the log at the time of the call. With this value as `after`, a stream of new records begins there.',
          ),
      }),
    },
  },
  problems: ['place_unknown', 'cluster_unavailable'],
  example: {
    query: { subject: 'alice', since: '2030-01-31T00:00:00Z', limit: '1' },
    reply: {
      records: [{ '@timestamp': '2030-01-31T12:00:00.000Z', kind: 'exchange', 'user.id': 'alice' }],
      next: '1911902400000-0/4',
      end: '1911902460000-0',
    },
  },
  run: async ({ query, dependencies }) => {
    const { audit } = requireRedis(dependencies)
    const end = await audit.end()
    const found = await audit.search(filterOf(query), query.before, Number(query.limit ?? LIMIT_DEFAULT))
    return { status: 200, document: { ...found, end } }
  },
})
