import { Command, Option } from 'commander'
import { loadPolicy } from '../config/policy.ts'
import { compilePolicy } from '../policy/compile.ts'
import { type RequestFlags, thoughtRequest, withToken } from './explained-request.ts'
import { type Explanation, explanationOf } from './explanation.ts'
import { explanationLines } from './explanation-text.ts'
import { addHelp } from './help.ts'
import { decideOffline, defaultSettings, type ThoughtRequest } from './offline-gate.ts'
import { keySetVerifier, uncheckedVerifier } from './offline-verifier.ts'
import { exitCodes, Output, type OutputFormat, outputOption } from './output.ts'
import { withholding } from './withhold.ts'

interface ExplainSources {
  readonly policy: string
  /** Path of a key set document; without one, signatures are not checked. */
  readonly jwks?: string
}

interface ExplainFlags extends RequestFlags, ExplainSources {
  readonly output: OutputFormat
}

/** `gatehouse explain`: who would be let in, and why. Offline: asks no issuer, no service and no node. */
export function explainCommand(): Command {
  const command = new Command('explain')
    .description('Say what the gate would do with a request, and why; offline')
    .argument('<method>', 'as the client sends it, such as GET')
    .argument('<url>', 'as the client sends it; a path alone is asked of http://127.0.0.1:8080')
    .requiredOption('--policy <path>', 'the policy, a file or a folder')
    .addOption(
      new Option(
        '--token <token>',
        'access token, or - for standard input; others can see it in the list of processes',
      ).conflicts('tokenFile'),
    )
    .option('--token-file <file>', 'file that holds the access token, or - for standard input')
    .option('--header <field>', '"name: value", a field that the client sends; may be repeated', collect, [])
    .option('--address <address>', 'of the client', '127.0.0.1')
    .option('--jwks <file>', 'keys of the issuer (RFC 7517); without, the signature is not checked')
    .option('--at <time>', 'when, as 2030-01-31T12:00:00Z (default: now)')
    .addOption(outputOption())
    // commander quotes what it does not understand, which may be a token in the wrong place.
    .action(async (method: string, url: string, flags: ExplainFlags) => {
      process.exitCode = await explain(method, url, flags)
    })
  return addHelp(
    command,
    [
      { run: 'gatehouse explain GET https://api.example/orders/7 --policy policy.yaml', does: 'without a token' },
      {
        run: 'gatehouse explain POST /orders --policy policy.yaml --token-file - --jwks keys.json < token',
        does: 'with one, and its signature',
      },
    ],
    {
      [exitCodes.done]: 'admitted, or answered by the gate itself',
      [exitCodes.invalid]: 'refused, or the policy is not valid',
    },
  )
}

async function explain(method: string, url: string, flags: ExplainFlags): Promise<number> {
  const secrets: string[] = []
  const output = new Output(flags.output, withholding(process, secrets))
  try {
    const request = thoughtRequest(method, url, await withToken(flags))
    secrets.push(...secretsOf(request))
    const explanation = await explainRequest(request, flags)
    for (const line of explanationLines(explanation)) output.line(line)
    output.document(explanation)
    return explanation.reply === null || explanation.reply.status < 400 ? exitCodes.done : exitCodes.invalid
  } catch (error) {
    return output.error(error)
  }
}

/** @throws {ConfigError} when the policy is not valid; {CliError} when the key set is none */
export async function explainRequest(request: ThoughtRequest, { policy, jwks }: ExplainSources): Promise<Explanation> {
  const source = loadPolicy(policy)
  const snapshot = compilePolicy(source)
  const { tokenMaxBytes } = defaultSettings().request
  const verifier =
    jwks === undefined
      ? uncheckedVerifier(tokenMaxBytes)
      : await keySetVerifier(jwks, snapshot.issuers.values(), tokenMaxBytes)
  const outcome = await decideOffline(snapshot, verifier.verifier, request)
  return explanationOf(outcome, { document: source.document, tokenMaxBytes, verifier })
}

/** What must not be printed, whatever path it would take to the output. */
function secretsOf({ head }: ThoughtRequest): string[] {
  return head.names.flatMap((name, i) => {
    const value = head.values[i]!
    if (name === 'authorization') return [value, ...value.split(' ')]
    return name === 'cookie' ? [value] : []
  })
}

function collect(header: string, before: readonly string[]): readonly string[] {
  return [...before, header]
}
