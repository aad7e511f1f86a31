import { Command, Option } from 'commander'
import { entries, runEntry } from './entries.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, Output, type OutputFormat, outputOption } from './output.ts'

const offsetVariable = 'GATEHOUSE_DEMO_PORT_OFFSET'

/** Client ids that the demo's issuer knows. */
const clients = ['reader', 'writer', 'clerk', 'ops', 'web'] as const

interface DemoFlags {
  readonly portOffset: string
  readonly output: OutputFormat
}

interface TokenFlags extends DemoFlags {
  readonly client?: string
  readonly user?: string
  readonly scope?: string
  readonly resource?: string
  readonly opaque: boolean
}

/**
 * `gatehouse demo`: runs a complete Gatehouse on this machine. The demo is a separate program; the gate shares no code
 * with it.
 */
export function demoCommand(): Command {
  const command = new Command('demo')
    .description('Run the demo: two nodes, an issuer, services, Redis; until Ctrl-C')
    .option('--check', 'make a tour of it instead, say what is right and wrong, and end', false)
    .addOption(offsetOption())
    .addOption(outputOption())
    .action(async ({ check, portOffset, output }: DemoFlags & { check: boolean }) => {
      await run(output, [check ? 'check' : 'run', `--port-offset=${portOffset}`, '--output', output])
    })
  addHelp(
    command,
    [
      { run: 'gatehouse demo', does: 'start it; it says what to try' },
      { run: 'gatehouse demo --check --port-offset 100', does: 'the acceptance test of a set-up, on other ports' },
    ],
    {
      [exitCodes.done]: 'ended by Ctrl-C; with --check: every step was right',
      [exitCodes.invalid]: 'a port is taken, or a part failed; with --check: a step went wrong',
    },
  )
  return command.addCommand(tokenCommand()).addCommand(envCommand())
}

function tokenCommand(): Command {
  const command = new Command('token')
    .description('Print an access token that the running demo issues, and nothing else')
    .addOption(
      new Option('--client <id>', 'who asks: for itself (default: reader), or for a user, which is web').choices(
        clients,
      ),
    )
    .addOption(
      new Option('--user <name>', 'by a real login, with authorization code and PKCE').choices(['alice', 'bob']),
    )
    .option('--scope <scopes>', 'separated by spaces (default: all that the client may have)')
    .option('--resource <url>', 'what the token is for (default: the gate)')
    .option('--opaque', 'no JWT, but a token that only the issuer can read', false)
    .addOption(offsetOption())
    .addOption(outputOption())
    .action(async (_: unknown, self: Command) => {
      // A flag before `token` belongs to `demo`, but is meant for `token`.
      const { portOffset, output, opaque, ...named } = self.optsWithGlobals<TokenFlags>()
      if (named.client !== undefined && (named.client === 'web') !== (named.user !== undefined)) {
        const unfit = new CliError(exitCodes.usage, 'GH_USAGE', 'users log in at the client web, and nobody else does')
        process.exitCode = new Output(output).error(unfit)
        return
      }
      const chosen = Object.entries(named).filter(([name]) => ['client', 'user', 'scope', 'resource'].includes(name))
      const words = chosen.flatMap(([name, value]) => [`--${name}=${value}`])
      if (opaque) words.push('--opaque')
      await run(output, ['token', `--port-offset=${portOffset}`, '--output', output, ...words])
    })
  return addHelp(
    command,
    [
      { run: 'gatehouse demo token --client writer', does: 'for a service that acts for itself' },
      { run: 'gatehouse demo token --user alice --scope "orders:read"', does: 'for a person, with one scope' },
    ],
    { [exitCodes.invalid]: 'the issuer refused, and said why', [exitCodes.unreachable]: 'the demo is not running' },
  )
}

function envCommand(): Command {
  const command = new Command('env')
    .description('Print what points the command line at the running demo, for the shell to take over')
    .addOption(offsetOption())
    .addOption(outputOption())
    .action(async (_: unknown, self: Command) => {
      const { portOffset, output } = self.optsWithGlobals<DemoFlags>()
      await run(output, ['env', `--port-offset=${portOffset}`, '--output', output])
    })
  return addHelp(
    command,
    [
      { run: 'eval "$(gatehouse demo env)"', does: 'then gatehouse nodes, gatehouse revoke …' },
      { run: 'gatehouse demo env --output json', does: 'for scripts' },
    ],
    { [exitCodes.unreachable]: 'the demo is not running' },
  )
}

function offsetOption(): Option {
  return new Option('--port-offset <n>', 'add this to every port of the demo').env(offsetVariable).default('0')
}

async function run(output: OutputFormat, words: readonly string[]): Promise<void> {
  try {
    process.exitCode = await runEntry(entries.demo, words)
  } catch (cause) {
    const message = `the demo could not be started: ${(cause as Error).message}`
    process.exitCode = new Output(output).error(new CliError(exitCodes.invalid, 'GH_DEMO_FAILED', message))
  }
}
