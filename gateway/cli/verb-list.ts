import { hash } from 'node:crypto'
import { globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Command, Help } from 'commander'
import { ownCache } from './own-folder.mjs'

/** One line of the list of verbs in `gatehouse --help`. */
interface VerbLine {
  readonly name: string
  /** Name of the verb with its arguments, such as `check [options] <path...>`. */
  readonly term: string
  readonly description: string
}

interface Place {
  /** Folder with the source files of the command line. */
  readonly sources: string
  /** File in which the list of verbs is stored. */
  readonly file: string
}

const ownPlace: Place = { sources: import.meta.dirname, file: join(ownCache, 'verb-list.json') }

/**
 * Adds one command for each verb without a space in its name to `program`: enough for the help and for suggestions after
 * a misspelled verb, not enough to run a verb. The lines come from a file, because loading the modules of all verbs takes
 * half a second. The file is used only while every source file of the command line is unchanged.
 *
 * @param load  builds the program with the modules of all verbs, when the file is absent or outdated
 */
export async function listVerbs(program: Command, load: () => Promise<Command>, place = ownPlace): Promise<void> {
  const sources = hashOfSources(place)
  const lines = stored(place, sources) ?? store(place, sources, (await load()).commands.map(lineOf))
  const terms = new Map(lines.map(({ name, term }) => [name, term]))
  for (const { name, description } of lines) program.addCommand(new Command(name).description(description))
  program.configureHelp({ subcommandTerm: (command) => terms.get(command.name()) ?? lineOf(command).term })
}

function lineOf(command: Command): VerbLine {
  return { name: command.name(), term: new Help().subcommandTerm(command), description: command.description() }
}

function stored({ file }: Place, sources: string): readonly VerbLine[] | undefined {
  try {
    const list = JSON.parse(readFileSync(file, 'utf8')) as { readonly sources: string; readonly lines: VerbLine[] }
    return list.sources === sources ? list.lines : undefined
  } catch {
    return undefined
  }
}

/** Writes the list of verbs to its file. Does nothing if the folder is not writable, as in the container image. */
function store({ file }: Place, sources: string, lines: readonly VerbLine[]): readonly VerbLine[] {
  const draft = `${file}.${process.pid}`
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(draft, JSON.stringify({ sources, lines }))
    renameSync(draft, file)
  } catch {}
  return lines
}

/**
 * Returns a hash of the content of all files in the folder. Their times are not enough, because all files of an npm
 * package have the same time.
 */
function hashOfSources({ sources }: Place): string {
  const files = globSync('**/*.{ts,js,mjs}', { cwd: sources }).toSorted()
  return hash('sha256', files.map((name) => `${name}\n${readFileSync(join(sources, name), 'latin1')}`).join('\n'))
}
