import { Command, Option } from 'commander'
import { dryRun } from '../explain/dry-run.ts'
import { type AskedRequest, type DryRunRequest, InvalidRequest, thoughtRequest } from '../explain/dry-run-request.ts'
import { type Explanation, explanationOf } from '../explain/explanation.ts'
import { compilePolicy } from '../policy/compile.ts'
import { loadPolicy } from '../policy/policy-source.ts'
import { AdminClient, adminOption } from './admin-client.ts'
import { askedRequest, type RequestFlags, unfit, withToken } from './explained-request.ts'
import { explanationLines } from './explanation-text.ts'
import { addHelp } from './help.ts'
import { defaultSettings, offlineGate } from './offline-gate.ts'
import { keySetVerifier, uncheckedVerifier } from './offline-verifier.ts'
import { exitCodes, Output, type OutputFormat, outputOption } from './output.ts'
import { withholding } from './withhold.ts'

const DEFAULT_ORIGIN = 'http://127.0.0.1:8080'

interface ExplainSources {
  readonly policy: string
  /** Path of a key set document; without it, signatures are not checked. */
  readonly jwks?: string
}

interface ExplainFlags extends RequestFlags, Partial<ExplainSources> {
  readonly admin?: string
  readonly output: OutputFormat
}

/**
 * `gatehouse explain`: reports the decision on a request and its reasons, from a policy file or from a running node.
 */
export function explainCommand(): Command {
  const command = new Command('explain')
    .description('Say what the gate would do with a request, and why: a running node, or offline a policy')
    .argument('<method>', 'as the client sends it, such as GET')
    .argument(
      '<url>',
      `as the client sends it; a path alone is asked of the node's public_url, offline of ${DEFAULT_ORIGIN}`,
    )
    .option('--policy <path>', 'offline: by this policy, a file or a folder; without, a node is asked')
    .addOption(
      new Option(
        '--token <token>',
        'access token, or - for standard input; others can see it in the list of processes',
      ).conflicts('tokenFile'),
    )
    .option('--token-file <file>', 'file that holds the access token, or - for standard input')
    .option('--header <field>', '"name: value", a field that the client sends; may be repeated', collect, [])
    .option('--address <address>', 'of the client', '127.0.0.1')
    .option('--jwks <file>', 'offline: keys of the issuer (RFC 7517); without, the signature is not checked')
    .option('--at <time>', 'offline: when, as 2030-01-31T12:00:00Z (default: now)')
    .addOption(adminOption().conflicts('policy'))
    .addOption(outputOption())
    // commander quotes unknown arguments, and one of them may be a token in the wrong place.
    .action(async (method: string, url: string, flags: ExplainFlags) => {
      process.exitCode = await explain(method, url, flags)
    })
  return addHelp(
    command,
    [
      {
        run: 'gatehouse explain POST /orders --policy policy.yaml --token-file - --jwks keys.json < token',
        does: 'offline, with a token and its signature',
      },
      {
        run: 'gatehouse explain GET https://api.example/orders/7 --token-file token --address 203.0.113.7',
        does: 'as the node that GATEHOUSE_ADMIN_URL names would decide it now',
      },
    ],
    {
      [exitCodes.done]: 'admitted, or answered by the gate itself',
      [exitCodes.invalid]: 'refused, the policy is not valid, or the node refuses to say',
      [exitCodes.unreachable]: 'no node answers',
    },
  )
}

async function explain(method: string, url: string, flags: ExplainFlags): Promise<number> {
  const secrets: string[] = []
  const output = new Output(flags.output, withholding(process, secrets))
  try {
    const asked = askedRequest(method, url, await withToken(flags))
    secrets.push(...secretsOf(asked))
    const { policy, jwks } = flags
    const explanation =
      policy === undefined
        ? await askNode(asked, flags)
        : await explainOffline(asked, { policy, ...(jwks !== undefined && { jwks }) })
    for (const line of explanationLines(explanation)) output.line(line)
    output.document(explanation)
    return explanation.reply === null || explanation.reply.status < 400 ? exitCodes.done : exitCodes.invalid
  } catch (error) {
    return output.error(error)
  }
}

/**
 * @throws {ConfigError} when the policy is invalid
 * @throws {CliError} when the key set or the request is invalid
 */
export async function explainOffline(asked: AskedRequest, { policy, jwks }: ExplainSources): Promise<Explanation> {
  const request = thoughtOf(asked)
  const snapshot = compilePolicy(loadPolicy(policy))
  const { tokenMaxBytes } = defaultSettings().request
  const { verifier, ...judge } =
    jwks === undefined
      ? uncheckedVerifier(tokenMaxBytes)
      : await keySetVerifier(jwks, snapshot.issuers.values(), tokenMaxBytes)
  const outcome = await dryRun(await offlineGate(snapshot, verifier, request.publicUrl), request)
  return explanationOf(outcome, { ...judge, node: undefined, tokenMaxBytes, count: async () => undefined })
}

function thoughtOf(asked: AskedRequest): DryRunRequest {
  try {
    return thoughtRequest(asked, DEFAULT_ORIGIN)
  } catch (error) {
    throw error instanceof InvalidRequest ? unfit(error.message) : error
  }
}

async function askNode({ nowMs: _, ...asked }: AskedRequest, flags: ExplainFlags): Promise<Explanation> {
  for (const flag of ['jwks', 'at'] as const) {
    if (flags[flag] !== undefined) throw unfit(`--${flag} goes with --policy: a node has its own keys and clock`)
  }
  const { document } = await AdminClient.from(flags.admin).call('POST', '/api/v1/explain', 'decision', asked)
  return document as unknown as Explanation
}

/** Secrets of the request that must never be printed, whatever code produces the output. */
function secretsOf({ token, fields }: AskedRequest): string[] {
  const ofFields = fields.flatMap(([name, value]) => {
    if (/^authorization$/i.test(name)) return [value, ...value.split(' ')]
    return /^cookie$/i.test(name) ? [value] : []
  })
  return token === undefined ? ofFields : [token, ...ofFields]
}

function collect(header: string, before: readonly string[]): readonly string[] {
  return [...before, header]
}
