import { Command, InvalidArgumentError } from 'commander'
import { type AdminClient, adminOption, type SteerFlags, steer } from './admin-client.ts'
import { type AuditLine, addFilters, queryOf, type RecordFlags, recordText } from './audit-record.ts'
import { timeOf } from './audit-time.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, type Output, outputOption } from './output.ts'

interface SearchFlags extends SteerFlags, RecordFlags {
  readonly since?: string
  readonly until?: string
  readonly limit: number
}

/** Most records per call. */
const PAGE = 1000

/** `gatehouse audit search`: searches the records that Redis still holds. */
export function auditSearchCommand(): Command {
  const command = addFilters(
    new Command('search').description('Search the records that Redis still holds, newest first'),
  )
    .option('--since <time>', 'from then on: RFC 3339, or how long ago, such as 15m')
    .option('--until <time>', 'up to then')
    .option('--limit <n>', 'most records', wholeNumber, 100)
    .addOption(adminOption())
    .addOption(outputOption())
    .action((flags: SearchFlags) => steer(flags, (admin, output) => search(flags, admin, output)))
  return addHelp(
    command,
    [
      { run: 'gatehouse audit search --subject alice --decision refused --since 1h', does: 'what alice was refused' },
      { run: 'gatehouse audit search --request 4f0c… --output json', does: 'one request, whole' },
    ],
    {
      [exitCodes.invalid]: 'refused: no such token or scope, or a node that stands alone',
      [exitCodes.unreachable]: 'no node answers, or the node cannot reach Redis',
    },
  )
}

export function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 999999.')
  return Number(text)
}

async function search(flags: SearchFlags, admin: AdminClient, output: Output): Promise<void> {
  const times = { since: timeOf(flags.since, '--since'), until: timeOf(flags.until, '--until') }
  if (times.since !== undefined && times.until !== undefined && times.since >= times.until) {
    throw new CliError(exitCodes.usage, 'GH_USAGE', '--since is not before --until: no record is')
  }
  const { records } = await findRecords(admin, flags, flags.limit, times)
  for (const record of records) output.line(recordText(record))
  output.document({ records })
}

/** @returns records, newest first, and the end of the log at the start of the search */
export async function findRecords(
  admin: AdminClient,
  flags: RecordFlags,
  limit: number,
  times: { readonly since?: string | undefined; readonly until?: string | undefined },
): Promise<{ records: AuditLine[]; end: string }> {
  const records: AuditLine[] = []
  let end: string | undefined
  let before: string | undefined
  do {
    const page = String(Math.min(PAGE, limit - records.length))
    const { document } = await admin.call(
      'GET',
      `/api/v1/audit/records${queryOf(flags, { ...times, limit: page, before })}`,
      'records',
    )
    const found = document as { records: AuditLine[]; next: string | null; end: string }
    records.push(...found.records)
    end ??= found.end
    before = found.next ?? undefined
  } while (before !== undefined && records.length < limit)
  // The log is ordered by batches, and each batch contains the records of one node.
  records.sort((a, b) => String(b['time']).localeCompare(String(a['time'])))
  return { records, end: end! }
}
