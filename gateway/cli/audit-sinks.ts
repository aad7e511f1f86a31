import { Command } from 'commander'
import { type AdminClient, adminOption, type SteerFlags, steer } from './admin-client.ts'
import { addHelp } from './help.ts'
import { exitCodes, type Output, outputOption } from './output.ts'

interface Sink {
  readonly sink: string
  readonly configured: boolean
  readonly lag_records: number
  readonly lag_complete: boolean
  readonly lag_seconds: number
  readonly shipped: number
  readonly dead_letters: number
  readonly failures: number
  readonly last_error: string | null
}

const unreachable = { [exitCodes.unreachable]: 'no node answers, or the node cannot reach Redis' } as const

/** `gatehouse audit sinks`: shows the progress of shipping per sink. */
export function auditSinksCommand(): Command {
  const command = new Command('sinks')
    .description('List where the audit log is shipped to, and how far')
    .addOption(adminOption())
    .addOption(outputOption())
    .action((flags: SteerFlags) => steer(flags, list))
  addHelp(
    command,
    [
      { run: 'gatehouse audit sinks', does: 'one line a sink' },
      { run: 'gatehouse audit sinks --output json', does: 'for scripts, with the positions' },
    ],
    { [exitCodes.invalid]: 'refused: no such token or scope, or a node that stands alone', ...unreachable },
  )
  return command.addCommand(forgetCommand())
}

function forgetCommand(): Command {
  const command = new Command('forget')
    .description('Give up a sink that the settings no longer have: it holds the log, and has dead letters')
    .argument('<sink>', 'its name')
    .addOption(adminOption())
    .addOption(outputOption())
    .action((sink: string, _: unknown, self: Command) =>
      steer(self.optsWithGlobals<SteerFlags>(), (admin, output) => forget(sink, admin, output)),
    )
  return addHelp(
    command,
    [
      { run: 'gatehouse audit sinks forget search', does: 'once no worker ships to it any more' },
      { run: 'gatehouse audit sinks forget search --output json', does: 'for scripts' },
    ],
    { [exitCodes.invalid]: 'refused: the settings have it, or there is none', ...unreachable },
  )
}

async function list(admin: AdminClient, output: Output): Promise<void> {
  const { document } = await admin.call('GET', '/api/v1/audit/sinks', 'sinks')
  const { sinks } = document as unknown as { sinks: readonly Sink[] }
  output.table(
    ['sink', 'in settings', 'behind', 'for', 'shipped', 'dead', 'failures', 'last error'],
    sinks.map((each) => [
      each.sink,
      each.configured ? 'yes' : 'no',
      `${each.lag_records}${each.lag_complete ? '' : '+'}`,
      `${each.lag_seconds} s`,
      ...[each.shipped, each.dead_letters, each.failures].map(String),
      each.last_error ?? '',
    ]),
  )
  output.document(document)
}

async function forget(sink: string, admin: AdminClient, output: Output): Promise<void> {
  const { document } = await admin.call('POST', '/api/v1/audit/sinks/forget', 'sink', { sink })
  output.line('The log keeps nothing for it any more.')
  output.document(document)
}
