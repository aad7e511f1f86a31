import { Command } from 'commander'
import { entries, runEntry } from './entries.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, Output, type OutputFormat, outputOption } from './output.ts'

interface WorkerFlags {
  readonly config?: string
  readonly policy?: string
  readonly output: OutputFormat
}

/**
 * `gatehouse worker`: runs one worker in the foreground. The worker is a separate program; the gate does not import it.
 */
export function workerCommand(): Command {
  const command = new Command('worker')
    .description('Run one worker, which does what no request should wait for, until SIGTERM or SIGINT')
    .option('-c, --config <file>', 'settings file, the same as for nodes; environment variables and flags beat it')
    .option('--policy <path>', 'the policy, a file or a folder')
    .addOption(outputOption())
    .action(async ({ config, policy, output }: WorkerFlags) => {
      const words = Object.entries({ config, policy, output }).flatMap(([name, value]) =>
        value === undefined ? [] : [`--${name}=${value}`],
      )
      try {
        process.exitCode = await runEntry(entries.worker, words)
      } catch (cause) {
        const message = `the worker could not be started: ${(cause as Error).message}`
        process.exitCode = new Output(output).error(new CliError(exitCodes.invalid, 'GH_START', message))
      }
    })
  return addHelp(
    command,
    [
      { run: 'gatehouse worker --config gatehouse.yaml', does: 'with the settings of the nodes' },
      { run: 'GATEHOUSE_WORKER_CONCURRENCY=64 gatehouse worker -c gatehouse.yaml', does: 'more jobs at a time' },
    ],
    {
      [exitCodes.done]: 'stopped in order',
      [exitCodes.invalid]: 'settings, policy or Redis do not hold',
      [exitCodes.crashed]: 'a fault of its own ended it: to be started again',
    },
  )
}
