import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { recordCount, recordFilters, recordText } from '../audit-record.ts'
import { timeOf } from '../audit-time.ts'
import { findRecords } from '../find-records.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse audit search`: searches the audit records that Redis still stores. */
export const verb = defineVerb({
  description: 'Search the audit records that Redis still stores, newest first',
  flags: {
    ...recordFilters,
    since: z.string().optional().register(flag, {
      value: 'time',
      help: 'only audit records since this time: RFC 3339, or a duration before now, such as 15m',
    }),
    until: z
      .string()
      .optional()
      .register(flag, { value: 'time', help: 'only audit records until this time, in the same forms as --since' }),
    limit: recordCount.default(100).register(flag, { value: 'n', help: 'largest number of audit records to print' }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse audit search --subject alice --decision refused --since 1h', does: 'refused requests of alice' },
    { run: 'gatehouse audit search --request 4f0c… --output json', does: 'one request with all fields' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token, missing scope, or a node without a cluster',
    ...adminUnreachable,
  },
  run: async ({ since: from, until: to, limit, admin, ...filters }, output) => {
    const since = timeOf(from, '--since')
    const until = timeOf(to, '--until')
    if (since !== undefined && until !== undefined && since >= until) {
      throw new CliError(exitCodes.usage, 'GH_USAGE', '--since must be before --until', 'swap the two times')
    }
    const { records } = await findRecords(AdminClient.from(admin), filters, limit, { since, until })
    for (const record of records) output.line(recordText(record))
    output.document({ records })
  },
})
