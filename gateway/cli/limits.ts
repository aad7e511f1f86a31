import { Command } from 'commander'
import { type AdminClient, adminOption, type SteerFlags, steer } from './admin-client.ts'
import { bucketText } from './bucket-text.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, type Output, outputOption } from './output.ts'

const named = ['issuer', 'subject', 'client', 'session', 'route', 'address'] as const

interface ResetFlags extends SteerFlags, Partial<Record<(typeof named)[number], string>> {
  readonly claim: readonly string[]
}

interface Window {
  readonly limit: string
  readonly bucket: Readonly<Record<string, unknown>>
  readonly requests: number
  readonly window_ms: number
  readonly mode: string
  readonly used: number | null
  readonly held: number | null
}

const codes = {
  [exitCodes.invalid]: 'refused: no such limit, no such token or scope, or a window that is not named whole',
  [exitCodes.unreachable]: 'no node answers, or the node cannot reach Redis',
} as const

/** `gatehouse limits`: lists limit windows and resets one. */
export function limitsCommand(): Command {
  const command = new Command('limits').description('Look at the windows of rate limits, and empty one')
  addHelp(
    command,
    [
      { run: 'gatehouse limits list', does: 'the fullest windows that a node knows' },
      {
        run: 'gatehouse limits reset route/orders.write/writes --subject alice --issuer https://idp.example',
        does: 'one',
      },
    ],
    codes,
  )
  return command.addCommand(listCommand()).addCommand(resetCommand())
}

function listCommand(): Command {
  const command = new Command('list')
    .description('List windows that the node was asked about of late, the fullest first')
    .argument('[limit]', 'only those of this limit')
    .addOption(adminOption())
    .addOption(outputOption())
    .action((limit: string | undefined, flags: SteerFlags) =>
      steer(flags, (admin, output) => list(limit, admin, output)),
    )
  return addHelp(
    command,
    [
      { run: 'gatehouse limits list', does: 'of every limit' },
      { run: 'gatehouse limits list route/orders.write/writes --output json', does: 'of one, for scripts' },
    ],
    codes,
  )
}

function resetCommand(): Command {
  const command = new Command('reset')
    .description('Empty one window, named by all that its limit goes by')
    .argument('<limit>', 'the limit, as the list has it')
    .option('--issuer <url>', 'identifier of the issuer, where the limit goes by what belongs to one')
    .option('--subject <id>', 'sub of the token')
    .option('--client <id>', 'client of the token')
    .option('--session <id>', 'sid of the token')
    .option('--route <id>', 'route of the policy')
    .option('--address <address>', 'address of the client; any of an IPv6 /64')
    .option('--claim <name=value>', 'value of a claim; more than once for several', collect, [])
    .addOption(adminOption())
    .addOption(outputOption())
    .action((limit: string, flags: ResetFlags) => steer(flags, (admin, output) => reset(limit, flags, admin, output)))
  return addHelp(
    command,
    [
      { run: 'gatehouse limits reset service/orders/all --address 203.0.113.7', does: 'of one address' },
      {
        run: 'gatehouse limits reset gate/tenants --issuer https://idp.example --claim tenant=acme',
        does: 'of a claim',
      },
    ],
    codes,
  )
}

async function list(limit: string | undefined, admin: AdminClient, output: Output): Promise<void> {
  const query = limit === undefined ? '' : `?limit=${encodeURIComponent(limit)}`
  const { document } = await admin.call('GET', `/api/v1/limits${query}`, 'windows')
  const { windows } = document as unknown as { windows: readonly Window[] }
  const rows = windows.map(({ limit, bucket, requests, window_ms, mode, used, held }) => [
    limit,
    bucketText(bucket),
    `${requests} in ${window_ms / 1000} s`,
    mode,
    used === null ? '?' : `${used}`,
    held === null ? '?' : `${held}`,
  ])
  output.table(['limit', 'window of', 'admits', 'mode', 'used', 'held'], rows)
  output.document(document)
}

async function reset(limit: string, flags: ResetFlags, admin: AdminClient, output: Output): Promise<void> {
  const given = named.flatMap((part) => (flags[part] === undefined ? [] : [[part, flags[part]] as const]))
  const claims = flags.claim.length === 0 ? {} : { claims: Object.fromEntries(flags.claim.map(claimOf)) }
  const { document } = await admin.call('POST', '/api/v1/limits/reset', 'existed', {
    limit,
    ...Object.fromEntries(given),
    ...claims,
  })
  output.line(document['existed'] === true ? 'The window is empty.' : 'Nothing was counted in that window.')
  output.document(document)
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

/** Parses the value as JSON if possible, because `7` and `"7"` are different claims; otherwise it is a string. */
function claimOf(written: string): [name: string, value: unknown] {
  const at = written.indexOf('=')
  if (at <= 0) throw new CliError(exitCodes.usage, 'GH_USAGE', '--claim is written name=value')
  const value = written.slice(at + 1)
  try {
    return [written.slice(0, at), JSON.parse(value) as unknown]
  } catch {
    return [written.slice(0, at), value]
  }
}
