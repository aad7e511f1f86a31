import { z } from 'zod'
import { operation } from '../operation.ts'
import { sharedParts } from '../stands-alone.ts'

const listing = z.strictObject({
  sink: z.string(),
  configured: z
    .boolean()
    .describe('Whether the settings of this node have it. One that is gone holds the log all the same.'),
  cursors: z.array(z.string()).describe('Of each shard of the log, the last entry that it has taken.'),
  lag_records: z.number().describe('Records that it has not taken yet.'),
  lag_complete: z.boolean().describe('False: there are more than were counted.'),
  lag_seconds: z.number().describe('Since the oldest of them came into the log.'),
  shipped: z.number().describe('Records so far.'),
  shipped_at: z.string().nullable(),
  dead_letters: z.number().describe('What it would not take. With 10,000 in a shard its shipping stops.'),
  failures: z.number().describe('Since the last success.'),
  last_error: z.string().nullable(),
  last_error_at: z.string().nullable(),
})

export const listAuditSinks = operation({
  id: 'list_audit_sinks',
  method: 'GET',
  path: '/api/v1/audit/sinks',
  summary: 'Where the audit log is shipped to, and how far',
  description: 'The sinks of the settings, and those that have shipped before.',
  scope: 'gatehouse:audit',
  replies: { 200: { description: 'The sinks.', schema: z.strictObject({ sinks: z.array(listing) }) } },
  problems: ['cluster_unavailable'],
  run: async ({ dependencies }) => ({
    status: 200,
    document: { sinks: await sharedParts(dependencies).audit.listSinks() },
  }),
})
