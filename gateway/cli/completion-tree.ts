import type { Argument, Command, Option } from 'commander'

/** What may stand where a value is expected. */
export type Value =
  | { readonly kind: 'file' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'text' }

export interface Flag {
  /** `--output`, and `-o` where there is a short one. */
  readonly names: readonly string[]
  readonly description: string
  /** `undefined`: takes none. */
  readonly value: Value | undefined
}

/** A verb as the shells complete it. */
export interface Verb {
  /** The words that lead to it, without the program: `keys generate`. Empty for the program itself. */
  readonly path: string
  readonly description: string
  readonly verbs: readonly Verb[]
  readonly flags: readonly Flag[]
  readonly values: readonly Value[]
}

/** Reads the commands of a program, so that what is completed is what is accepted. */
export function completionTree(command: Command, path = ''): Verb {
  return {
    path,
    description: command.description(),
    verbs: command.commands.map((verb) => completionTree(verb, path === '' ? verb.name() : `${path} ${verb.name()}`)),
    flags: [
      ...command.options.map(flagOf),
      { names: ['-h', '--help'], description: 'say how it is used', value: undefined },
    ],
    values: command.registeredArguments.map((argument) => expectedAt(argument, argument.name())),
  }
}

/** A verb and all below it. */
export function* withDescendants(verb: Verb): Generator<Verb> {
  yield verb
  for (const each of verb.verbs) yield* withDescendants(each)
}

function flagOf(option: Option): Flag {
  const names = [option.short, option.long].filter((name) => name !== undefined)
  const placeholder = /[<[]([^\]>]+)[\]>]/.exec(option.flags)?.[1]
  return {
    names,
    description: option.description,
    value: placeholder === undefined ? undefined : expectedAt(option, placeholder),
  }
}

/** By its placeholder: `<file>` and `<path...>` are files. */
function expectedAt({ argChoices }: Argument | Option, placeholder: string): Value {
  if (argChoices !== undefined) return { kind: 'choice', choices: argChoices }
  return /^(?:file|path|folder)(?:\.{3})?$/.test(placeholder) ? { kind: 'file' } : { kind: 'text' }
}
