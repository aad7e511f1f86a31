import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { type AuditLine, queryOf, type RecordFilters, recordCount, recordFilters, recordText } from '../audit-record.ts'
import { findRecords } from '../find-records.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

const RETRY_MS = 1000
/** Maximum number of record ids that are kept in memory, to drop duplicates after a reconnection. */
const KNOWN_MAX = 10_000

/** `gatehouse audit tail`: prints the newest audit records, and with `--follow` also new records as they arrive. */
export const verb = defineVerb({
  description: 'Print the newest audit records, the oldest of them first',
  flags: {
    ...recordFilters,
    follow: z
      .boolean()
      .default(false)
      .register(flag, { short: 'f', help: 'continue with new records as they arrive, until Ctrl-C' }),
    lines: recordCount
      .default(20)
      .register(flag, { short: 'n', value: 'n', help: 'number of newest records to print first' }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse audit tail -f --decision refused', does: 'refused requests as they happen' },
    { run: 'gatehouse audit tail -n 500 --output json', does: 'one JSON record per line' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token, missing scope, or a node without a cluster',
    ...adminUnreachable,
  },
  run: async ({ follow, lines, admin, ...filters }, output) => {
    const client = AdminClient.from(admin)
    const { records, end } = await findRecords(client, filters, lines, {})
    const known = new Set<unknown>()
    const show = (record: AuditLine): void => {
      if (known.has(record['id'])) return
      known.add(record['id'])
      if (known.size > KNOWN_MAX) known.delete(known.values().next().value)
      output.line(recordText(record))
      output.document(record)
    }
    for (const record of records.toReversed()) show(record)
    if (follow) await followFrom(end, client, filters, show)
  },
})

async function followFrom(
  end: string,
  admin: AdminClient,
  filters: RecordFilters,
  show: (record: AuditLine) => void,
): Promise<never> {
  let place = end
  for (let connected = false; ; ) {
    try {
      for await (const event of admin.follow(`/api/v1/audit/stream${queryOf(filters, {})}`, place)) {
        connected = true
        place = event.id
        show(JSON.parse(event.data) as AuditLine)
      }
    } catch (error) {
      // Require only that the first connection succeeds. If a later connection breaks, open the stream again: the node
      // can be unavailable for a moment.
      if (!connected || !(error instanceof CliError) || error.exitCode !== exitCodes.unreachable) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}
