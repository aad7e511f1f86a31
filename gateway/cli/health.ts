import { get } from 'node:http'
import { Command } from 'commander'
import { addHelp } from './help.ts'
import { CliError, exitCodes, Output, type OutputFormat, outputOption } from './output.ts'

const PATIENCE_MS = 3000
const DEFAULT_ADMIN = 'http://127.0.0.1:9090'

/** All answers that the probes of a node or worker give. */
const answers: ReadonlySet<string> = new Set(['alive', 'ready', 'not ready', 'misdirected request'])

interface HealthFlags {
  readonly ready: boolean
  readonly admin?: string
  readonly output: OutputFormat
}

/** `gatehouse health`: calls a node's probe, for container images without an HTTP client. */
export function healthCommand(): Command {
  const command = new Command('health')
    .description('Ask a node whether it is alive')
    .option('--ready', 'ask whether it takes traffic instead', false)
    .option('--admin <url>', `its admin listener (GATEHOUSE_ADMIN_URL, else ${DEFAULT_ADMIN})`)
    .addOption(outputOption())
    .action(async ({ ready, admin, output: format }: HealthFlags) => {
      const output = new Output(format)
      try {
        const base = admin ?? process.env['GATEHOUSE_ADMIN_URL'] ?? DEFAULT_ADMIN
        process.exitCode = await probe(base, ready ? '/readyz' : '/livez', output)
      } catch (error) {
        process.exitCode = output.error(error)
      }
    })
  return addHelp(
    command,
    [
      { run: 'gatehouse health', does: 'alive?' },
      { run: 'gatehouse health --ready --admin http://127.0.0.1:9091', does: 'does that node take traffic?' },
    ],
    { [exitCodes.done]: 'yes', [exitCodes.invalid]: 'no', [exitCodes.unreachable]: 'nothing answers' },
  )
}

async function probe(base: string, path: string, output: Output): Promise<number> {
  if (!URL.canParse(base) || new URL(base).protocol !== 'http:') {
    throw new CliError(exitCodes.usage, 'GH_USAGE', `${base} is not an http URL`)
  }
  const { status, text } = await ask(new URL(path, base))
  if (!answers.has(text)) {
    throw new CliError(
      exitCodes.unreachable,
      'GH_ADMIN_UNREACHABLE',
      `${new URL(base).origin} answered ${status}, and not as a node does`,
      'is that the admin or the probe listener of a node? --admin or GATEHOUSE_ADMIN_URL names it',
    )
  }
  output.line(text)
  output.document({ healthy: status === 200, status, answer: text })
  return status === 200 ? exitCodes.done : exitCodes.invalid
}

function ask(url: URL): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const unreachable = (cause: Error): void =>
      reject(
        new CliError(exitCodes.unreachable, 'GH_ADMIN_UNREACHABLE', `no answer from ${url.origin}: ${cause.message}`),
      )
    const request = get(url, { timeout: PATIENCE_MS, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        if (text.length < 1000) text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: text.trim() }))
      response.on('error', unreachable)
    })
    request.on('timeout', () => request.destroy(new Error(`nothing within ${PATIENCE_MS / 1000} s`)))
    request.on('error', unreachable)
  })
}
