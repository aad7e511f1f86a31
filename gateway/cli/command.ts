import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import { type ExitCode, exitCodes, Output, type OutputFormat, outputOption } from './output.ts'
import { type FlagForm, flag, type Verb, type VerbExample } from './verb.ts'

const meanings: Readonly<Record<ExitCode, string>> = {
  [exitCodes.done]: 'success',
  [exitCodes.invalid]: 'refused or invalid',
  [exitCodes.usage]: 'wrong usage',
  [exitCodes.unreachable]: 'unreachable',
  [exitCodes.partly]: 'done in part',
  [exitCodes.crashed]: 'crashed',
}

/**
 * Converts a verb of `gatehouse` into a command of the library commander.
 *
 * @param word  last word of the verb's name
 */
export function commandOf(word: string, verb: Verb): Command {
  const command = new Command(word).description(verb.description)
  const named = Object.entries(verb.arguments ?? {})
  for (const [name, schema] of named) command.addArgument(argumentOf(name, schema))
  for (const [name, schema] of Object.entries(verb.flags ?? {})) command.addOption(optionOf(name, schema))
  addHelp(command, verb.examples, verb.exitCodes)
  const { run } = verb
  if (run === undefined) return command
  if (verb.passThrough === true) command.allowUnknownOption().passThroughOptions()
  else command.addOption(outputOption(verb.formats))

  const initial = initialValues({ ...verb.arguments, ...verb.flags })
  return command.action(async () => {
    const words = named.map(([name], i) => [name, command.processedArgs[i] as unknown] as const)
    // Include the flags that commander gave to parent commands: in `nodes accept-loss --admin URL` it gives `--admin`
    // to `nodes`, because a parent command takes its flags at any place.
    const flags = Object.entries(command.optsWithGlobals()).filter(([name]) => name in (verb.flags ?? {}))
    const { output: format = 'text' } = command.optsWithGlobals<{ output?: OutputFormat }>()
    const given = Object.fromEntries([...words, ...flags].filter(([, value]) => value !== undefined))
    await runVerb(run, { ...initial, ...given, output: format }, new Output(format))
  })
}

async function runVerb(run: NonNullable<Verb['run']>, input: Parameters<typeof run>[0], output: Output) {
  let exitCode: number
  try {
    const ended = await run(input, output)
    if (ended !== undefined) process.exitCode = ended
    return
  } catch (error) {
    exitCode = output.error(error)
  }
  // End the process of the verb explicitly: a connection attempt in progress would keep it alive.
  process.exit(exitCode)
}

/** Appends the examples and the meanings of the exit codes to the help of a `gatehouse` verb. */
export function addHelp(
  command: Command,
  examples: readonly [VerbExample, VerbExample],
  codes: Readonly<Partial<Record<ExitCode, string>>> = {},
): Command {
  const width = Math.max(...examples.map(({ run }) => run.length))
  const shown = examples.map(({ run, does }) => `  $ ${run.padEnd(width)}   ${does}`)
  const own = {
    [exitCodes.done]: meanings[0],
    [exitCodes.invalid]: meanings[1],
    [exitCodes.usage]: meanings[2],
    ...codes,
  }
  const exits = Object.entries(own).map(([code, meaning]) => `  ${code.padEnd(2)} ${meaning}`)
  return command.addHelpText('after', ['', 'Examples:', ...shown, '', 'Exit codes:', ...exits].join('\n'))
}

/** Properties of a flag or argument that the library commander needs, read from its schema. */
interface Shape {
  readonly core: z.ZodType
  readonly required: boolean
  readonly initial: unknown
}

function shapeOf(schema: z.ZodType): Shape {
  if (schema instanceof z.ZodOptional) return { ...shapeOf(schema.unwrap() as z.ZodType), required: false }
  if (schema instanceof z.ZodDefault) {
    return { ...shapeOf(schema.unwrap() as z.ZodType), required: false, initial: schema.def.defaultValue }
  }
  return { core: schema, required: true, initial: undefined }
}

function initialValues(fields: Readonly<Record<string, z.ZodType>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, shapeOf(schema).initial]))
}

function formOf(name: string, schema: z.ZodType): FlagForm {
  const form = flag.get(schema)
  if (form === undefined)
    throw new Error(`the schema of ${name} is not registered: call .register(flag, { help }) last`)
  return form
}

function argumentOf(name: string, schema: z.ZodType): Argument {
  const { core, required } = shapeOf(schema)
  const label = core instanceof z.ZodArray ? `${name}...` : name
  const argument = new Argument(required ? `<${label}>` : `[${label}]`, formOf(name, schema).help)
  return core instanceof z.ZodEnum ? argument.choices(core.options.map(String)) : argument
}

function optionOf(name: string, schema: z.ZodType): Option {
  const { core, required, initial } = shapeOf(schema)
  const { help, value, bare, short, env, conflicts = [] } = formOf(name, schema)
  const long = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  const names = short === undefined ? long : `-${short}, ${long}`
  if (core instanceof z.ZodBoolean) return new Option(names, help)
  const label = bare === undefined ? `<${value ?? name}>` : `[${value ?? name}]`
  const option = new Option(`${names} ${label}`, help).conflicts([...conflicts])
  if (bare !== undefined) option.preset(bare)
  if (required) option.makeOptionMandatory()
  if (env !== undefined) option.env(env)
  if (core instanceof z.ZodArray) return option.argParser(append)
  if (initial !== undefined) option.default(initial)
  if (core instanceof z.ZodEnum) return option.choices(core.options.map(String))
  return option.argParser((text) => parseValue(text, core))
}

function append(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text]
}

function parseValue(text: string, schema: z.ZodType): unknown {
  const { success, data, error } = schema.safeParse(text)
  if (success) return data
  throw new InvalidArgumentError(error.issues.map(({ message }) => message).join(' '))
}
