import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import { AdminClient, adminOption } from './admin-client.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, Output, type OutputFormat, outputOption } from './output.ts'
import { printReceipt, type ReceiptDocument } from './receipt-text.ts'
import { withholding } from './withhold.ts'

interface RevokeFlags {
  readonly token?: string
  readonly tokenFile?: string
  readonly jti?: string
  readonly session?: string
  readonly subject?: string
  readonly client?: string
  readonly issuer?: string
  readonly before?: string
  readonly reason?: string
  readonly wait: boolean
  readonly durable: boolean
  readonly admin?: string
  readonly output: OutputFormat
}

const byTextAlone = {
  code: 'GH_REVOKED_BY_TEXT',
  message:
    'the token is revoked by its text alone: its issuer was not asked, says that it is not active, or answers without ' +
    'jti, and without an iat and exp that stay the same',
  hint:
    'if the issuer takes another text for the same token, that one may still be admitted: name the issuer with --issuer, or ' +
    'revoke the --subject or --client, or the token at the issuer',
} as const

/**
 * `gatehouse revoke`: revokes tokens on every node. The receipt lists the nodes that have already applied the
 * revocation.
 */
export function revokeCommand(): Command {
  const command = new Command('revoke')
    .description('Revoke a token, or all that somebody has, on every node')
    .option('--token <token>', 'this access token, or - for standard input; others can see it in the list of processes')
    .option('--token-file <file>', 'file that holds the access token, or - for standard input')
    .option('--jti <id>', 'the token with this jti')
    .option('--session <id>', 'the tokens of this session (sid)')
    .option('--subject <id>', 'the tokens that this subject has now; newer ones pass')
    .option('--client <id>', 'the tokens that this client has now; newer ones pass')
    .option(
      '--issuer <issuer>',
      'whose; required where the policy has several. With --before alone: all of its tokens. With an opaque token: the ' +
        'only issuer to ask about it',
    )
    .option('--before <time>', 'with --issuer: issued up to then, such as 2030-01-31T12:00:00Z')
    .option('--reason <text>', 'why, for the log')
    .option('--wait', 'until every node has acknowledged, or its time is over', false)
    .option('--durable', 'until it is on the disk of Redis', false)
    .addOption(adminOption())
    .addOption(outputOption())
    .action(async (flags: RevokeFlags) => {
      process.exitCode = await revoke(flags)
    })
  return addHelp(
    command,
    [
      { run: 'gatehouse revoke --subject alice --reason "left" --wait', does: 'all that alice has now' },
      { run: 'gatehouse revoke --token - < token', does: 'one token, seen by nobody else' },
    ],
    {
      [exitCodes.done]: 'every node has acknowledged',
      [exitCodes.invalid]: 'refused, and nothing was revoked',
      [exitCodes.unreachable]: 'no node answers, or the node cannot reach Redis',
      [exitCodes.partly]: 'revoked; some nodes have not acknowledged, and are bound by fenced_by',
    },
  )
}

async function revoke(flags: RevokeFlags): Promise<number> {
  const secrets = flags.token === undefined || flags.token === '-' ? [] : [flags.token]
  const output = new Output(flags.output, withholding(process, secrets))
  try {
    const admin = AdminClient.from(flags.admin)
    const order = await orderOf(flags)
    if ('token' in order) secrets.push(String(order['token']))
    const query = `wait=${flags.wait ? 'all' : 'none'}&durable=${flags.durable ? 1 : 0}`
    const { document } = await admin.call('POST', `/api/v1/revocations?${query}`, 'missing', order)
    const receipt = document as unknown as ReceiptDocument
    printReceipt(receipt, output)
    output.document(receipt)
    if (receipt.matched_by === 'text') output.warn(byTextAlone)
    return receipt.missing.length === 0 ? exitCodes.done : exitCodes.partly
  } catch (error) {
    return output.error(error)
  }
}

/** Builds the body of the call. The admin API validates the values. */
async function orderOf(flags: RevokeFlags): Promise<Readonly<Record<string, unknown>>> {
  const { issuer, before, reason } = flags
  const named = (['jti', 'session', 'subject', 'client'] as const).filter((kind) => flags[kind] !== undefined)
  const tokens = [flags.token, flags.tokenFile].filter((given) => given !== undefined)
  const kinds = named.length + tokens.length + (before === undefined ? 0 : 1)
  if (kinds !== 1) {
    throw unfit('say one of --token, --token-file, --jti, --session, --subject, --client, or --issuer with --before')
  }
  const why = reason === undefined ? {} : { reason }
  if (tokens.length > 0) {
    return { kind: 'token', token: await readToken(flags), ...(issuer !== undefined && { issuer }), ...why }
  }
  if (before !== undefined) {
    if (issuer === undefined) throw unfit('--before needs --issuer')
    return { kind: 'issuer', issuer, before, ...why }
  }
  const [kind] = named
  return { kind, id: flags[kind!], ...(issuer !== undefined && { issuer }), ...why }
}

async function readToken({ token, tokenFile }: RevokeFlags): Promise<string> {
  if (token === '-' || tokenFile === '-') return (await text(process.stdin)).trim()
  if (token !== undefined) return token
  try {
    return readFileSync(tokenFile!, 'utf8').trim()
  } catch (error) {
    throw unfit(`the token cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
}

function unfit(message: string): CliError {
  return new CliError(exitCodes.usage, 'GH_USAGE', message, 'see gatehouse revoke --help')
}
