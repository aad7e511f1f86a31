import { z } from 'zod'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'

const listing = z.strictObject({
  sink: z.string(),
  configured: z
    .boolean()
    .describe(
      'Whether the settings of this node contain the sink. A removed sink still keeps records in the log until it is forgotten.',
    ),
  cursors: z
    .array(z.string())
    .describe('Id of the last entry of each shard of the audit log that was delivered to the sink.'),
  lag_records: z.number().describe('Audit records that the sink has not received yet.'),
  lag_complete: z.boolean().describe('false: the count stopped early, and there are more records.'),
  lag_seconds: z.number().describe('Age of the oldest record that is not delivered, seconds.'),
  shipped: z.number().describe('Audit records delivered to the sink so far.'),
  shipped_at: z.string().nullable(),
  dead_letters: z
    .number()
    .describe('Records that the sink rejected. Delivery from a shard stops at 10,000 dead letters.'),
  last_rejection: z
    .string()
    .nullable()
    .describe(
      'Why the newest dead letter was rejected. With several shards: the newest of the first shard that has one.',
    ),
  failures: z.number().describe('Number of failed deliveries to the sink since its last success.'),
  last_error: z.string().nullable(),
  last_error_at: z.string().nullable(),
})

export const listAuditSinks = operation({
  id: 'list_audit_sinks',
  method: 'GET',
  path: '/api/v1/audit/sinks',
  summary: 'List the audit sinks and their progress',
  description: 'Lists the sinks in the settings, and removed sinks for which the audit log still keeps records.',
  scope: 'gatehouse:audit',
  replies: { 200: { description: 'The sinks of the audit log.', schema: z.strictObject({ sinks: z.array(listing) }) } },
  problems: ['cluster_unavailable'],
  example: {
    reply: {
      sinks: [
        {
          sink: 'archive',
          configured: true,
          cursors: ['1911902400000-0'],
          lag_records: 12,
          lag_complete: true,
          lag_seconds: 3,
          shipped: 48_210,
          shipped_at: '2030-01-31T12:00:00.000Z',
          dead_letters: 0,
          last_rejection: null,
          failures: 0,
          last_error: null,
          last_error_at: null,
        },
      ],
    },
  },
  run: async ({ dependencies }) => ({
    status: 200,
    document: { sinks: await requireRedis(dependencies).audit.listSinks() },
  }),
})
