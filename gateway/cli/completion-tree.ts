import type { Argument, Command, Option } from 'commander'

/** Allowed values of a flag or an argument. */
export type Value =
  | { readonly kind: 'file' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'text' }

export interface Flag {
  /** `--output`, and `-o` when the flag has a short form. */
  readonly names: readonly string[]
  readonly description: string
  /** `undefined` for a flag without a value. */
  readonly value: Value | undefined
}

/** A verb with the data that shell completion needs. */
export interface Verb {
  /** Words that lead to the verb, without the program name: `keys generate`. Empty for the program itself. */
  readonly path: string
  readonly description: string
  readonly verbs: readonly Verb[]
  readonly flags: readonly Flag[]
  readonly values: readonly Value[]
}

/** Reads the commands of the program, so that completion offers exactly what the program accepts. */
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

/** Yields a verb and all of its descendants. */
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

/** Derived from the placeholder: `<file>` and `<path...>` are files. */
function expectedAt({ argChoices }: Argument | Option, placeholder: string): Value {
  if (argChoices !== undefined) return { kind: 'choice', choices: argChoices }
  return /^(?:file|path|folder)(?:\.{3})?$/.test(placeholder) ? { kind: 'file' } : { kind: 'text' }
}
