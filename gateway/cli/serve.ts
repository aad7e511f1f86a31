import { Command } from 'commander'
import { ListenError } from '../base/listen-error.ts'
import { ConfigError } from '../config/problem.ts'
import { serve } from '../main.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, Output, type OutputFormat, outputOption } from './output.ts'

interface ServeFlags {
  readonly config?: string
  readonly listen?: string
  readonly admin?: string
  readonly policy?: string
  readonly output: OutputFormat
}

/** `gatehouse serve`: runs one node in the foreground until SIGTERM or SIGINT. */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description('Run one gateway node until SIGTERM or SIGINT')
    .option('-c, --config <file>', 'settings file; environment variables and flags beat it')
    .option('--listen <address>', 'where clients connect, host:port (default 127.0.0.1:8080)')
    .option('--admin <address>', 'where probes connect, host:port (default 127.0.0.1:9090)')
    .option('--policy <path>', 'the policy, a file or a folder')
    .addOption(outputOption())
    .action(async (flags: ServeFlags) => {
      try {
        await serve({ config: flags.config, flags: settingsOf(flags) })
      } catch (error) {
        const unfit =
          error instanceof ConfigError
            ? error
            : new CliError(exitCodes.invalid, 'GH_START', messageOf(error), hintOf(error))
        process.exit(new Output(flags.output).error(unfit))
      }
    })
  return addHelp(
    command,
    [
      { run: 'gatehouse serve --config gatehouse.yaml', does: 'as the settings say' },
      { run: 'gatehouse serve --policy policy.yaml', does: 'on 127.0.0.1:8080, with defaults' },
    ],
    {
      [exitCodes.done]: 'stopped in order',
      [exitCodes.invalid]: 'settings or policy do not hold, or an address is taken: nothing was served',
      [exitCodes.crashed]: 'a fault of its own ended it: to be started again',
    },
  )
}

/** Settings document that corresponds to the flags. */
function settingsOf({ listen, admin, policy }: ServeFlags): Record<string, unknown> {
  return {
    ...(listen !== undefined && { listen }),
    ...(admin !== undefined && { admin: { listen: admin } }),
    ...(policy !== undefined && { policy: { path: policy } }),
  }
}

function hintOf(error: unknown): string | undefined {
  return error instanceof ListenError ? error.hint : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
