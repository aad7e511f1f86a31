import { Command } from 'commander'
import { packageVersion } from '../base/version.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, jsonAsked, Output } from './output.ts'
import { withheld } from './withhold.ts'

/**
 * Modules of the verbs, loaded on demand: container probes run `health` every few seconds and need no policy compiler.
 */
const verbs: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serveCommand(),
  health: async () => (await import('./health.ts')).healthCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  explain: async () => (await import('./explain.ts')).explainCommand(),
  schema: async () => (await import('./schema.ts')).schemaCommand(),
  completion: async () => (await import('./completion.ts')).completionCommand(),
  worker: async () => (await import('./worker.ts')).workerCommand(),
  queues: async () => (await import('./queues.ts')).queuesCommand(),
  nodes: async () => (await import('./nodes.ts')).nodesCommand(),
  revoke: async () => (await import('./revoke.ts')).revokeCommand(),
  limits: async () => (await import('./limits.ts')).limitsCommand(),
  traces: async () => (await import('./traces.ts')).tracesCommand(),
  audit: async () => (await import('./audit.ts')).auditCommand(),
  sessions: async () => (await import('./sessions.ts')).sessionsCommand(),
  keys: async () => (await import('./keys.ts')).keysCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  bench: async () => (await import('./bench.ts')).benchCommand(),
}

/** Verbs that can be loaded alone; `completion` needs all of them. */
const alone = new Set(Object.keys(verbs).filter((name) => name !== 'completion'))

/** Runs `gatehouse <verb>`. Wrong usage ends with exit code 2; every other exit code is set by the verb. */
export async function run(argv: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', endWithoutReader)
  const asked = argv[2] ?? ''
  const program = await commandLine(alone.has(asked) ? [asked] : Object.keys(verbs))
  validateUsage(program, argv.slice(2))
  if (argv.length <= 2) {
    program.outputHelp()
    return
  }
  const [, , , about] = argv
  if (asked === 'help' && about !== undefined && !Object.hasOwn(verbs, about)) {
    program.error(`error: unknown command '${about}'`)
  }
  await program.parseAsync(argv)
}

/** Builds the program with these verbs; default: all verbs. */
export async function commandLine(names: readonly string[] = Object.keys(verbs)): Promise<Command> {
  const program = new Command('gatehouse')
    .description('Gatehouse: the OAuth 2.0 access proxy in front of your services')
    .version(packageVersion)
    .enablePositionalOptions()
  for (const name of names) program.addCommand(await verbs[name]!())
  return addHelp(program, [
    { run: 'gatehouse demo', does: 'all of it on this machine' },
    { run: 'gatehouse serve --config gatehouse.yaml', does: 'one node' },
  ])
}

/** A closed pipe (`| head`) is not an error. A full disk is, and it is reported on stderr. */
function endWithoutReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit()
  process.stderr.write(`error: output cannot be written (${error.code ?? error.message})\n`, () =>
    process.exit(exitCodes.invalid),
  )
}

/**
 * Adapts commander's usage errors. commander exits with 1, which here means "refused or invalid", and prints text only.
 * It also quotes the rejected words, which may be a token in the wrong place.
 */
function validateUsage(command: Command, words: readonly string[]): void {
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? exitCodes.done : exitCodes.usage))
  command.configureOutput({
    outputError: (text, write) => {
      const said = withheld(text, words)
      if (!jsonAsked(words)) return write(said)
      new Output('json').error(new CliError(exitCodes.usage, 'GH_USAGE', said.replace(/^error: /, '').trim()))
    },
  })
  for (const verb of command.commands) validateUsage(verb, words)
}
