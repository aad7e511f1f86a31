import { Command } from 'commander'
import { packageVersion } from '../version.ts'
import { benchCommand } from './bench.ts'
import { checkCommand } from './check.ts'
import { completionCommand } from './completion.ts'
import { demoCommand } from './demo.ts'
import { explainCommand } from './explain.ts'
import { healthCommand } from './health.ts'
import { keysCommand } from './keys.ts'
import { exitCodes } from './output.ts'
import { schemaCommand } from './schema.ts'
import { serveCommand } from './serve.ts'

/** Runs `gatehouse <verb>`. A wrong usage ends with exit code 2, everything else as the verb says. */
export async function run(argv: readonly string[]): Promise<void> {
  const program = new Command('gatehouse')
    .description('Gatehouse: the OAuth 2.0 access proxy in front of your services')
    .version(packageVersion)
    .enablePositionalOptions()
    .addCommand(serveCommand())
    .addCommand(healthCommand())
    .addCommand(checkCommand())
    .addCommand(explainCommand())
    .addCommand(schemaCommand())
    .addCommand(completionCommand())
    .addCommand(keysCommand())
    .addCommand(demoCommand())
    .addCommand(benchCommand())
  exitWithUsageCode(program)
  if (argv.length <= 2) {
    program.outputHelp()
    return
  }
  await program.parseAsync(argv)
}

/** commander ends wrong usage with 1, which here means "refused or invalid". */
function exitWithUsageCode(command: Command): void {
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? exitCodes.done : exitCodes.usage))
  for (const verb of command.commands) exitWithUsageCode(verb)
}
