import { Command } from 'commander'
import { type AdminClient, adminOption, type SteerFlags, steer } from './admin-client.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, type Output, outputOption } from './output.ts'
import { printReceipt, type ReceiptDocument } from './receipt-text.ts'

const named = ['session', 'device', 'subject'] as const

interface SelectFlags extends SteerFlags, Partial<Record<(typeof named)[number], string>> {
  readonly issuer?: string
}

interface EndFlags extends SelectFlags {
  readonly reason?: string
  readonly wait: boolean
  readonly durable: boolean
}

interface Session {
  readonly session: string
  readonly subject: string
  readonly device: { readonly id: string; readonly address: string; readonly user_agent: string }
  readonly created_at: string
  readonly used_at: string
  readonly ends_at: string
}

const UNREACHABLE = 'no node answers, or the node cannot reach Redis'

/** `gatehouse sessions`: lists login sessions and ends them. */
export function sessionsCommand(): Command {
  const command = new Command('sessions').description('Look at login sessions, and end them on every node')
  addHelp(
    command,
    [
      { run: 'gatehouse sessions list --subject alice', does: 'where alice is logged in' },
      { run: 'gatehouse sessions end --device 5b0c… --reason "lost" --wait', does: 'one browser of hers' },
    ],
    { [exitCodes.invalid]: 'refused, or there is no such session', [exitCodes.unreachable]: UNREACHABLE },
  )
  return command.addCommand(listCommand()).addCommand(endCommand())
}

function listCommand(): Command {
  const command = select('list', 'List the sessions of a person, of a browser, or one').action((flags: SelectFlags) =>
    steer(flags, (admin, output) => list(flags, admin, output)),
  )
  return addHelp(
    command,
    [
      { run: 'gatehouse sessions list --subject alice --issuer main', does: 'of one person' },
      { run: 'gatehouse sessions list --device 5b0c…', does: 'of one browser of theirs' },
    ],
    { [exitCodes.invalid]: 'refused', [exitCodes.unreachable]: UNREACHABLE },
  )
}

function endCommand(): Command {
  const command = select('end', 'End the sessions of a person, of a browser, or one')
    .option('--reason <text>', 'why, for the log')
    .option('--wait', 'until every node has acknowledged, or its time is over', false)
    .option('--durable', 'until it is on the disk of Redis', false)
    .action((flags: EndFlags) => steer(flags, (admin, output) => end(flags, admin, output)))
  return addHelp(
    command,
    [
      { run: 'gatehouse sessions end --session 5b0c… --wait', does: 'one session' },
      {
        run: 'gatehouse sessions end --subject alice --reason left',
        does: 'all of alice, and the tokens that she has',
      },
    ],
    {
      [exitCodes.done]: 'every node has acknowledged',
      [exitCodes.invalid]: 'refused, or the device has no session',
      [exitCodes.unreachable]: UNREACHABLE,
      [exitCodes.partly]: 'ended; some nodes have not acknowledged, and are bound by fenced_by',
    },
  )
}

function select(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--session <id>', 'one session')
    .option('--device <id>', 'a browser of one person, by the id that the list has')
    .option('--subject <id>', 'a person: sub of the ID token')
    .option('--issuer <issuer>', 'with --subject: at which issuer; required where the policy has several')
    .addOption(adminOption())
    .addOption(outputOption())
}

/** Returns the selected sessions as parameters. The admin API validates the values. */
function selected(flags: SelectFlags, verb: string): Readonly<Record<string, string>> {
  const given = named.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]] as const]))
  if (given.length !== 1) {
    const message = 'say one of --session, --device and --subject'
    throw new CliError(exitCodes.usage, 'GH_USAGE', message, `see gatehouse sessions ${verb} --help`)
  }
  const { issuer } = flags
  return { ...Object.fromEntries(given), ...(issuer !== undefined && { issuer }) }
}

async function list(flags: SelectFlags, admin: AdminClient, output: Output): Promise<void> {
  const query = new URLSearchParams(selected(flags, 'list'))
  const { document } = await admin.call('GET', `/api/v1/sessions?${query}`, 'sessions')
  const { sessions } = document as unknown as { sessions: readonly Session[] }
  const rows = sessions.map(({ session, subject, device, ...at }) => [
    session,
    subject,
    device.id,
    device.address,
    at.created_at,
    at.used_at,
    at.ends_at,
    device.user_agent,
  ])
  output.table(['session', 'subject', 'device', 'address', 'created', 'used', 'ends', 'browser'], rows)
  output.document(document)
}

async function end(flags: EndFlags, admin: AdminClient, output: Output): Promise<void> {
  const { reason, wait, durable } = flags
  const order = { ...selected(flags, 'end'), ...(reason !== undefined && { reason }) }
  const query = `wait=${wait ? 'all' : 'none'}&durable=${durable ? 1 : 0}`
  const { document } = await admin.call('POST', `/api/v1/sessions/end?${query}`, 'receipt', order)
  const { ended, receipt } = document as unknown as { ended: readonly string[]; receipt: ReceiptDocument }
  printReceipt(receipt, output)
  if (ended.length === 0 && flags.session !== undefined) {
    output.line('Redis has no record of this session. Its id was revoked all the same.')
  } else output.line(ended.length === 1 ? 'One session was ended.' : `${ended.length} sessions were ended.`)
  output.document(document)
  if (receipt.missing.length > 0) process.exitCode = exitCodes.partly
}
