import { z } from 'zod'
import type { ExitCode, Output, OutputFormat } from './output.ts'

/**
 * Form of a flag or an argument on the command line. The type, default and choices come from the schema of the flag or
 * argument.
 */
export interface FlagForm {
  readonly help: string
  /** Placeholder of the flag's value in the help, such as `file`. Ignored for a boolean flag and for an argument. */
  readonly value?: string
  /** Value of the flag if the command line names the flag without a value. Absent: a value is required. */
  readonly bare?: string
  /** Short form of the command-line flag, one letter. */
  readonly short?: string
  /** Environment variable whose value is used if the flag is absent. */
  readonly env?: string
  /** Names of other flags that cannot be combined with this flag. */
  readonly conflicts?: readonly string[]
}

/** Registry that assigns the schema of a flag or argument its form on the command line. */
export const flag = z.registry<FlagForm>()

type Fields = Readonly<Record<string, z.ZodType>>

/** Parsed arguments and flags of a verb. */
type Input<Arguments extends Fields, Flags extends Fields> = z.infer<z.ZodObject<Arguments>> &
  z.infer<z.ZodObject<Flags>>

export interface VerbExample {
  /** Complete shell command of the example. */
  readonly run: string
  readonly does: string
}

/**
 * A verb of the command line: `gatehouse <name> <arguments> <flags>`. The list in `verbs.ts` contains the name of the
 * verb. The help, docs/reference/cli.md and the types of the input are made from this object.
 */
export interface Verb<Arguments extends Fields = Fields, Flags extends Fields = Fields> {
  readonly description: string
  /**
   * Arguments of the verb, in the order of the command line. An argument that is an array takes all remaining words. An
   * optional argument must be the last.
   */
  readonly arguments?: Arguments
  /**
   * Command-line flags of the verb. The flag named `tokenFile` is `--token-file` on the command line. `--output` is
   * added to every verb that runs.
   */
  readonly flags?: Flags
  /** Formats that `--output` accepts in addition to text and json. */
  readonly formats?: readonly string[]
  /**
   * True for a verb that passes all its words, flags included, to another program, which parses them. Such a verb has
   * no `--output`.
   */
  readonly passThrough?: boolean
  readonly examples: readonly [VerbExample, VerbExample]
  /** Meanings of exit codes for this verb, where they differ from the usual meaning. */
  readonly exitCodes?: Readonly<Partial<Record<ExitCode, string>>>
  /**
   * Runs the verb. An error is printed and ends the process with the exit code of the error. Absent for a group, which
   * consists only of other verbs.
   *
   * @returns exit code of the process; `undefined` means 0, or that a server keeps the process running
   */
  readonly run?: (
    input: Input<Arguments, Flags> & { readonly output: OutputFormat | (string & {}) },
    output: Output,
  ) => Promise<number | undefined> | number | undefined
}

/** Declares a verb; infers the type of the verb's input from the schemas of its arguments and flags. */
export function defineVerb<
  Arguments extends Fields = Record<never, never>,
  Flags extends Fields = Record<never, never>,
>(verb: Verb<Arguments, Flags>): Verb {
  return verb as unknown as Verb
}
