import { z } from 'zod'
import type { ExitCode, Output, OutputFormat } from './output.ts'

/** How the command line writes a flag or an argument. Its type, default and choices come from its schema. */
export interface FlagForm {
  readonly help: string
  /** Placeholder of the value in the help, such as `file`. Ignored for a boolean flag and for an argument. */
  readonly value?: string
  /** Short form of the flag, one letter. */
  readonly short?: string
  /** Environment variable that is used if the flag is absent. */
  readonly env?: string
  /** Names of other flags that may not be given together with this flag. */
  readonly conflicts?: readonly string[]
}

/** Connects each schema of a verb with its form on the command line. */
export const flag = z.registry<FlagForm>()

type Fields = Readonly<Record<string, z.ZodType>>

/** Parsed arguments and flags of a verb. */
type Input<Arguments extends Fields, Flags extends Fields> = z.infer<z.ZodObject<Arguments>> &
  z.infer<z.ZodObject<Flags>>

export interface VerbExample {
  /** Complete shell command. */
  readonly run: string
  readonly does: string
}

/**
 * A verb of the command line: `gatehouse <name> <arguments> <flags>`. The list in `verbs.ts` has its name. The help,
 * docs/reference/cli.md and the types of the input are made from this object.
 */
export interface Verb<Arguments extends Fields = Fields, Flags extends Fields = Fields> {
  readonly description: string
  /** In the order on the command line. An array takes all remaining words; an optional argument comes last. */
  readonly arguments?: Arguments
  /** `tokenFile` is written `--token-file`. `--output` is added to every verb that runs. */
  readonly flags?: Flags
  /** Formats of `--output`; default: text and json. */
  readonly formats?: readonly string[]
  /** Hands all words on, flags included, to a program that parses them itself. Such a verb has no `--output`. */
  readonly passThrough?: boolean
  readonly examples: readonly [VerbExample, VerbExample]
  /** Meanings of the exit codes where they differ from the general ones. */
  readonly exitCodes?: Readonly<Partial<Record<ExitCode, string>>>
  /**
   * Runs the verb. A rejection is printed and ends the process with the exit code of the error. Absent for a group,
   * which only has verbs below it.
   *
   * @returns the exit code; `undefined`: 0, unless a server keeps the process running
   */
  readonly run?: (
    input: Input<Arguments, Flags> & { readonly output: OutputFormat | (string & {}) },
    output: Output,
  ) => Promise<number | undefined> | number | undefined
}

/** Declares a verb; infers the type of its input from its schemas. */
export function defineVerb<
  Arguments extends Fields = Record<never, never>,
  Flags extends Fields = Record<never, never>,
>(verb: Verb<Arguments, Flags>): Verb {
  return verb as unknown as Verb
}
