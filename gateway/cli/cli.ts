import { Command } from 'commander'
import { packageVersion } from '../base/version.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, jsonAsked, Output } from './output.ts'
import { withheld } from './withhold.ts'

/** Loaded when asked for: a probe in a container runs `health` every few seconds, and needs no policy compiler for it. */
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

/** `completion` looks at all of them. */
const alone = new Set(Object.keys(verbs).filter((name) => name !== 'completion'))

/** Runs `gatehouse <verb>`. A wrong usage ends with exit code 2, everything else as the verb says. */
export async function run(argv: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', endWithoutReader)
  const asked = argv[2] ?? ''
  const program = await commandLine(alone.has(asked) ? [asked] : Object.keys(verbs))
  judgeUsage(program, argv.slice(2))
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

/** The program with these verbs; default: all of them. */
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

/** A reader that has seen enough (`| head`) is no failure; a full disk is, and there is one more stream to say so. */
function endWithoutReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit()
  process.stderr.write(`error: output cannot be written (${error.code ?? error.message})\n`, () =>
    process.exit(exitCodes.invalid),
  )
}

/**
 * commander ends wrong usage with 1, which here means "refused or invalid", says it in words only, and quotes the words
 * that it could not use, which may be a token in the wrong place.
 */
function judgeUsage(command: Command, words: readonly string[]): void {
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? exitCodes.done : exitCodes.usage))
  command.configureOutput({
    outputError: (text, write) => {
      const said = withheld(text, words)
      if (!jsonAsked(words)) return write(said)
      new Output('json').error(new CliError(exitCodes.usage, 'GH_USAGE', said.replace(/^error: /, '').trim()))
    },
  })
  for (const verb of command.commands) judgeUsage(verb, words)
}
