import { Command } from 'commander'
import { type AdminClient, adminOption, type SteerFlags, steer } from './admin-client.ts'
import { type AuditLine, addFilters, queryOf, type RecordFlags, recordText } from './audit-record.ts'
import { findRecords, wholeNumber } from './audit-search.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, type Output, outputOption } from './output.ts'

interface TailFlags extends SteerFlags, RecordFlags {
  readonly follow: boolean
  readonly lines: number
}

const RETRY_MS = 1000
/** Most record ids that are remembered to drop duplicates after a reconnect. */
const KNOWN_MAX = 10_000

/** `gatehouse audit tail`: shows the newest records, then new ones as they arrive. */
export function auditTailCommand(): Command {
  const command = addFilters(new Command('tail').description('Show the newest records, oldest first'))
    .option('-f, --follow', 'and then those that come, until it is ended', false)
    .option('-n, --lines <n>', 'records to begin with', wholeNumber, 20)
    .addOption(adminOption())
    .addOption(outputOption())
    .action((flags: TailFlags) => steer(flags, (admin, output) => tail(flags, admin, output)))
  return addHelp(
    command,
    [
      { run: 'gatehouse audit tail -f --decision refused', does: 'refusals as they happen' },
      { run: 'gatehouse audit tail -n 500 --output json', does: 'for scripts, a record a line' },
    ],
    {
      [exitCodes.invalid]: 'refused: no such token or scope, or a node that stands alone',
      [exitCodes.unreachable]: 'no node answers, or the node cannot reach Redis',
    },
  )
}

async function tail(flags: TailFlags, admin: AdminClient, output: Output): Promise<void> {
  const { records, end } = await findRecords(admin, flags, flags.lines, {})
  const known = new Set<unknown>()
  const show = (record: AuditLine): void => {
    if (known.has(record['id'])) return
    known.add(record['id'])
    if (known.size > KNOWN_MAX) known.delete(known.values().next().value)
    output.line(recordText(record))
    output.document(record)
  }
  for (const record of records.toReversed()) show(record)
  if (flags.follow) await follow(flags, admin, end, show)
}

async function follow(
  flags: TailFlags,
  admin: AdminClient,
  end: string,
  show: (record: AuditLine) => void,
): Promise<never> {
  let place = end
  for (let connected = false; ; ) {
    try {
      for await (const event of admin.follow(`/api/v1/audit/stream${queryOf(flags, {})}`, place)) {
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
