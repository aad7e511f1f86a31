import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { type AuditLine, queryOf, type RecordFilters, recordCount, recordFilters, recordText } from '../audit-record.ts'
import { findRecords } from '../find-records.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

const RETRY_MS = 1000
/** Most record ids that are remembered to drop duplicates after a reconnect. */
const KNOWN_MAX = 10_000

/** `gatehouse audit tail`: shows the newest records, then new ones as they arrive. */
export const verb = defineVerb({
  description: 'Print the newest records, oldest first',
  flags: {
    ...recordFilters,
    follow: z.boolean().default(false).register(flag, { short: 'f', help: 'then print new records until Ctrl-C' }),
    lines: recordCount.default(20).register(flag, { short: 'n', value: 'n', help: 'number of records at the start' }),
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
      // The first attempt must succeed. Later, the node may be unavailable for a moment, so the stream is opened again.
      if (!connected || !(error instanceof CliError) || error.exitCode !== exitCodes.unreachable) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}
