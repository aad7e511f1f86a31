import '../config/interpret-schemas.ts'
import { Command } from 'commander'
import { packageVersion } from '../base/version.ts'
import { addHelp, commandOf } from './command.ts'
import { CliError, exitCodes, jsonAsked, Output } from './output.ts'
import { redact } from './redact.ts'
import { listVerbs } from './verb-list.ts'
import { verbs } from './verbs.ts'

/** Runs `gatehouse <verb>`. The exit code is 2 for wrong usage; all other exit codes come from the verb. */
export async function run(argv: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', endWithoutReader)
  const words = argv.slice(2)
  const [first = '', about] = words
  const program = await programFor(words)
  adaptUsageErrors(program, words)
  if (words.length === 0) {
    program.outputHelp()
    return
  }
  if (first === 'help' && about !== undefined && !Object.hasOwn(verbs, about)) {
    program.error(`error: unknown command '${about}'`)
  }
  await program.parseAsync(argv)
}

/**
 * Builds the command-line program with the modules that the given words need. Without a verb in `words`, only the list
 * of verbs is needed.
 */
async function programFor([first = '', about]: readonly string[]): Promise<Command> {
  const verb = first === 'help' ? about : first
  const asked = Object.keys(verbs).filter((name) => name.split(' ', 1)[0] === verb)
  if (asked.length > 0 || first === '--') return commandLine(asked.length > 0 ? asked : undefined)
  const program = await commandLine([])
  if (!/^(-V|--version)$/.test(first)) await listVerbs(program, () => commandLine())
  return program
}

/** Builds the command-line program with the verbs in `names`; default: all verbs. */
export async function commandLine(names: readonly string[] = Object.keys(verbs)): Promise<Command> {
  const program = new Command('gatehouse')
    .description('Gatehouse: the OAuth 2.0 access proxy in front of your services')
    .version(packageVersion)
    .enablePositionalOptions()
  const modules = await Promise.all(names.map((name) => verbs[name]!()))
  const commands = new Map([['', program]])
  for (const [i, name] of names.entries()) {
    const words = name.split(' ')
    const command = commandOf(words.pop()!, modules[i]!.verb)
    commands.get(words.join(' '))!.addCommand(command)
    commands.set(name, command)
  }
  return addHelp(program, [
    { run: 'gatehouse demo', does: 'try everything on this machine' },
    { run: 'gatehouse serve --config gatehouse.yaml', does: 'run one node' },
  ])
}

/**
 * Handles a write error of stdout or stderr. A pipe that its reader has closed (`| head`) is not an error: the process
 * ends. Any other error, such as a full disk, is reported on stderr.
 */
function endWithoutReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit()
  process.stderr.write(`error: output cannot be written (${error.code ?? error.message})\n`, () =>
    process.exit(exitCodes.invalid),
  )
}

/** Returns the hint for a usage error: the flag that a file needs, or the arguments that a command expects. */
function usageHint(text: string, command: Command): string | undefined {
  const name = commandName(command)
  const takesFile = command.options.some(({ long }) => long === '--config')
  if (text.includes('too many arguments') && takesFile)
    return `name the settings file with a flag: ${name} --config FILE`
  if (/did you mean/i.test(text)) return undefined
  // commander reports a value of a flag without values, such as --ready=yes, as an unknown option.
  const flag = /unknown option '(--[a-z-]+)=/.exec(text)?.[1]
  if (command.options.some(({ long }) => long === flag)) return `${flag} takes no value`
  if (text.includes('unknown command')) return `${name} --help lists the commands`
  return command.parent === null ? undefined : `${name} --help shows the arguments, flags and examples`
}

function commandName(command: Command): string {
  return command.parent === null ? command.name() : `${commandName(command.parent)} ${command.name()}`
}

/**
 * Adapts usage errors of the library commander: exit code 2, JSON if requested, and no quoted words. By default
 * commander exits with 1, which means "refused or invalid" in this program, prints only text, and quotes the rejected
 * words, which can be a token in the wrong place.
 */
function adaptUsageErrors(command: Command, words: readonly string[]): void {
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? exitCodes.done : exitCodes.usage))
  command.configureOutput({
    outputError: (text, write) => {
      const message = redact(text, words)
      const hint = usageHint(text, command)
      if (!jsonAsked(words)) return write(hint === undefined ? message : `${message.trimEnd()}\n  hint: ${hint}\n`)
      new Output('json').error(new CliError(exitCodes.usage, 'GH_USAGE', message.replace(/^error: /, '').trim(), hint))
    },
  })
  for (const verb of command.commands) adaptUsageErrors(verb, words)
}
