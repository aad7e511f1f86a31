import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { defineVerb } from '../verb.ts'

interface Sink {
  readonly sink: string
  readonly configured: boolean
  readonly lag_records: number
  readonly lag_complete: boolean
  readonly lag_seconds: number
  readonly shipped: number
  readonly dead_letters: number
  readonly failures: number
  readonly last_rejection: string | null
  readonly last_error: string | null
}

/** `gatehouse audit sinks`: shows the progress of the delivery of audit records to each sink. */
export const verb = defineVerb({
  description: 'List the sinks of the audit log and the progress of the delivery',
  flags: { admin: adminFlag },
  examples: [
    { run: 'gatehouse audit sinks', does: 'one line per sink' },
    { run: 'gatehouse audit sinks --output json', does: 'as JSON, with the positions' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token, missing scope, or a node without a cluster',
    ...adminUnreachable,
  },
  run: async ({ admin }, output) => {
    const { document } = await AdminClient.from(admin).call('GET', '/api/v1/audit/sinks', 'sinks')
    const { sinks } = document as unknown as { sinks: readonly Sink[] }
    output.table(
      ['sink', 'in settings', 'behind', 'for', 'shipped', 'dead', 'failures', 'last error', 'last rejection'],
      sinks.map((each) => [
        each.sink,
        each.configured ? 'yes' : 'no',
        `${each.lag_records}${each.lag_complete ? '' : '+'}`,
        `${each.lag_seconds} s`,
        ...[each.shipped, each.dead_letters, each.failures].map(String),
        each.last_error ?? '',
        // A node of an older version does not send `last_rejection`.
        each.last_rejection ?? '',
      ]),
    )
    output.document(document)
  },
})
