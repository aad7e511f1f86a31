import { Command } from 'commander'
import { type AdminClient, adminOption, type SteerFlags, steer } from './admin-client.ts'
import { timeOf } from './audit-time.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, type Output, outputOption } from './output.ts'

interface ReplayFlags extends SteerFlags {
  readonly sink: string
  readonly dead: boolean
  readonly since?: string
  readonly until?: string
}

/** `gatehouse audit replay`: sends records to a sink again. */
export function auditReplayCommand(): Command {
  const command = new Command('replay')
    .description('Have the workers send records to a sink once more')
    .requiredOption('--sink <name>', 'which')
    .option('--dead', 'what it would not take before', false)
    .option('--since <time>', 'what came into the log from then on: RFC 3339, or how long ago, such as 15m')
    .option('--until <time>', 'up to then; default: now')
    .addOption(adminOption())
    .addOption(outputOption())
    .action((flags: ReplayFlags) => steer(flags, (admin, output) => replay(flags, admin, output)))
  return addHelp(
    command,
    [
      { run: 'gatehouse audit replay --sink search --dead', does: 'once the receiver takes what it refused' },
      { run: 'gatehouse audit replay --sink search --since 15m', does: 'what the receiver has lost' },
    ],
    {
      [exitCodes.invalid]: 'refused: no such sink, no such token or scope',
      [exitCodes.unreachable]: 'no node answers, or the node cannot reach Redis',
    },
  )
}

async function replay({ sink, dead, since, until }: ReplayFlags, admin: AdminClient, output: Output): Promise<void> {
  if (dead === (since !== undefined) || (dead && until !== undefined)) {
    throw new CliError(exitCodes.usage, 'GH_USAGE', 'say --dead, or --since and perhaps --until')
  }
  const order = dead
    ? { what: 'dead', sink }
    : { what: 'log', sink, since: timeOf(since, '--since'), until: timeOf(until ?? '0s', '--until') }
  const { document } = await admin.call('POST', '/api/v1/audit/replays', 'letters', order)
  const { letters } = document as { letters: number | null }
  output.line(
    letters === null ? 'The workers send it once more.' : `The workers send ${letters} dead letters once more.`,
  )
  output.document(document)
}
