import { Argument, Command, Option } from 'commander'
import { decisions } from '../base/decision.ts'
import { parseDuration } from '../base/duration.ts'
import { type AdminClient, adminOption, type SteerFlags, steer } from './admin-client.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, type Output, outputOption } from './output.ts'
import { type TraceDocument, waterfall } from './waterfall.ts'

interface TracesFlags extends SteerFlags {
  readonly route?: string
  readonly service?: string
  readonly decision?: string
  readonly reason?: string
  readonly minDuration?: string
  readonly since?: string
  readonly limit?: string
}

interface Summary {
  readonly trace_id: string
  readonly at: string
  readonly node: string | null
  readonly name: string
  readonly method: string | null
  readonly path: string | null
  readonly route: string | null
  readonly status: number | null
  readonly reason: string | null
  readonly ms: number
  readonly error: string | null
}

/** `gatehouse traces`: lists recent traces of nodes and workers, or shows one trace as a waterfall. */
export function tracesCommand(): Command {
  const command = new Command('traces')
    .description('List exchanges that were recorded of late, or show one trace')
    .addArgument(new Argument('[id]', 'a trace, as the list has it'))
    .option('--route <id>', 'only exchanges of this route')
    .option('--service <id>', 'only exchanges of this service')
    .addOption(new Option('--decision <word>', 'only exchanges that ended so').choices(decisions))
    .option('--reason <word>', 'only exchanges that ended for this reason, as the access log has it')
    .option('--min-duration <duration>', 'only those that took so long, such as 250ms')
    .option('--since <time>', 'only those that began since, such as 10m or 2030-01-31T12:00:00Z')
    .option('--limit <number>', 'how many (20)')
    .addOption(adminOption())
    .addOption(outputOption())
    .action((id: string | undefined, flags: TracesFlags) =>
      steer(flags, (admin, output) => (id === undefined ? list(flags, admin, output) : show(id, flags, admin, output))),
    )
  return addHelp(
    command,
    [
      { run: 'gatehouse traces --decision refused --since 10m', does: 'who was refused, and why' },
      { run: 'gatehouse traces 4bf92f3577b34da6a3ce929d0e0e4736', does: 'one trace as a waterfall' },
    ],
    {
      [exitCodes.invalid]: 'refused: no such token or scope, no such trace, or a node that keeps none',
      [exitCodes.unreachable]: 'no node answers, or the node cannot reach Redis',
    },
  )
}

async function list(flags: TracesFlags, admin: AdminClient, output: Output): Promise<void> {
  const query = new URLSearchParams(queryOf(flags)).toString()
  const { document } = await admin.call('GET', `/api/v1/traces${query === '' ? '' : `?${query}`}`, 'traces')
  const { traces } = document as unknown as { traces: readonly Summary[] }
  const rows = traces.map((each) => [
    each.trace_id,
    each.at,
    each.node ?? '-',
    each.method === null ? each.name : `${each.method} ${each.path ?? ''}`,
    each.route ?? '-',
    each.status === null ? '-' : String(each.status),
    each.reason ?? each.error ?? 'done',
    `${each.ms.toFixed(2)} ms`,
  ])
  output.table(['trace', 'began', 'by', 'request', 'route', 'status', 'reason', 'took'], rows)
  output.document(document)
}

async function show(id: string, flags: TracesFlags, admin: AdminClient, output: Output): Promise<void> {
  if (Object.keys(queryOf(flags)).length > 0) throw unfit('a trace by its id takes no filters')
  if (!/^[0-9a-f]{32}$/.test(id)) throw unfit('a trace has an id of 32 hexadecimal digits in lower case')
  const { document } = await admin.call('GET', `/api/v1/traces/${id}`, 'spans')
  for (const line of waterfall(document as unknown as TraceDocument, process.stdout.columns)) output.line(line)
  output.document(document)
}

function queryOf({ route, service, decision, reason, minDuration, since, limit }: TracesFlags): Record<string, string> {
  const given = {
    route,
    service,
    decision,
    reason,
    min_ms: minDuration === undefined ? undefined : String(msOf(minDuration, '--min-duration')),
    since: since === undefined ? undefined : timeOf(since),
    limit,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Record<string, string>
}

function msOf(text: string, flag: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw unfit(`${flag} must be a duration such as 250ms or 10m`)
  return ms
}

/** A duration counts back from now. */
function timeOf(text: string): string {
  const agoMs = parseDuration(text)
  const ms = agoMs === undefined ? Date.parse(text) : Date.now() - agoMs
  if (Number.isNaN(ms)) throw unfit('--since must be a duration such as 10m, or a time such as 2030-01-31T12:00:00Z')
  return new Date(ms).toISOString()
}

function unfit(message: string): CliError {
  return new CliError(exitCodes.usage, 'GH_USAGE', message)
}
