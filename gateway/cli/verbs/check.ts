import { z } from 'zod'
import { ConfigError, type Problem } from '../../config/problem.ts'
import { compilePolicy } from '../../policy/compile.ts'
import { printPolicy } from '../../policy/print-policy.ts'
import { weakerRoutes } from '../../policy/weaker-routes.ts'
import { CliError, exitCodes, Output } from '../output.ts'
import { policyName, readPolicyArgument } from '../policy-argument.ts'
import { sarifLog } from '../sarif.ts'
import { defineVerb, flag } from '../verb.ts'
import { yamlLines } from '../yaml-lines.ts'

/** Result of the check of one policy path. */
interface Checked {
  readonly path: string
  readonly valid: boolean
  readonly services: number
  readonly routes: number
  readonly revision: string | null
  readonly problems: readonly Problem[]
  /** Warnings about the policy. With `--strict`, `problems` contains the warnings instead. */
  readonly warnings: readonly Problem[]
}

/** `gatehouse check PATH… | -`: validates policies and lists every problem. The verb changes nothing. */
export const verb = defineVerb({
  description: 'Check policies: a file, a folder of *.yaml files, or - for standard input',
  arguments: {
    path: z.array(z.string()).register(flag, { help: 'policies to check: files, folders, or - for standard input' }),
  },
  flags: {
    print: z
      .boolean()
      .default(false)
      .register(flag, { help: 'print the policy with every default filled in; requires exactly one path' }),
    strict: z.boolean().default(false).register(flag, { help: 'treat warnings as errors' }),
  },
  formats: ['sarif'],
  examples: [
    { run: 'gatehouse check policy.yaml', does: 'one file' },
    { run: 'gatehouse check policy/ --print', does: 'a folder, printed with every default' },
  ],
  exitCodes: {
    [exitCodes.done]: 'every policy is valid',
    [exitCodes.invalid]: 'a policy is invalid; with --strict: or has a warning',
  },
  run: ({ path: paths, print, strict, output: format }, output) => {
    if (format === 'sarif') return reportSarif(paths, { print, strict }, new Output('json'))
    return print ? printEffectivePolicy(paths, output) : check(paths, strict, output)
  },
})

async function check(paths: readonly string[], strict: boolean, output: Output): Promise<number> {
  const checked = await checkAll(paths, strict)
  for (const { path, valid, services, routes, revision, problems, warnings } of checked) {
    if (valid) {
      const counts = `${count(services, 'service')}, ${count(routes, 'route')}`
      output.line(`${path}: ok, ${counts}, revision ${revision}`)
    }
    output.problems(problems)
    output.warnings(warnings)
  }
  output.document({ checked })
  return checked.every(({ valid }) => valid) ? exitCodes.done : exitCodes.invalid
}

/** Prints only a SARIF log to stdout, for code hosts and editors. Nothing is written to stderr. */
async function reportSarif(
  paths: readonly string[],
  { print, strict }: { readonly print: boolean; readonly strict: boolean },
  output: Output,
): Promise<number> {
  if (print) {
    return output.error(new CliError(exitCodes.usage, 'GH_USAGE', '--print cannot be combined with --output sarif'))
  }
  const checked = await checkAll(paths, strict)
  const problems = checked.flatMap((each) => each.problems)
  const warnings = checked.flatMap((each) => each.warnings)
  output.document(sarifLog(problems, warnings))
  return problems.length === 0 ? exitCodes.done : exitCodes.invalid
}

/** Prints only the policy to stdout, so that the output can be saved as a file: YAML, or JSON for scripts. */
async function printEffectivePolicy(paths: readonly string[], output: Output): Promise<number> {
  const [path, ...more] = paths
  if (more.length > 0)
    throw new CliError(exitCodes.usage, 'GH_USAGE', '--print accepts only one path, a file or a folder')
  const source = await readPolicyArgument(path!)
  compilePolicy(source)
  const policy = printPolicy(source.document)
  output.document(policy)
  for (const line of yamlLines(policy)) output.line(line)
  return exitCodes.done
}

async function checkAll(paths: readonly string[], strict: boolean): Promise<Checked[]> {
  const checked: Checked[] = []
  for (const path of paths) checked.push(await checkOne(path, strict))
  return checked
}

async function checkOne(path: string, strict: boolean): Promise<Checked> {
  const name = policyName(path)
  try {
    const source = await readPolicyArgument(path)
    const snapshot = compilePolicy(source)
    const warnings = weakerRoutes(source, snapshot)
    if (strict && warnings.length > 0) throw new ConfigError(warnings)
    const { services, routes, revision } = snapshot
    const counts = { services: services.length, routes: routes.length }
    return { path: name, valid: true, ...counts, revision, problems: [], warnings }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { problems } = error
    return { path: name, valid: false, services: 0, routes: 0, revision: null, problems, warnings: [] }
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
