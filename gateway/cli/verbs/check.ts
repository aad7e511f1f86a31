import { z } from 'zod'
import { ConfigError, type Problem } from '../../config/problem.ts'
import { compilePolicy } from '../../policy/compile.ts'
import { policyWarnings } from '../../policy/policy-warnings.ts'
import { printPolicy } from '../../policy/print-policy.ts'
import type { Snapshot } from '../../policy/snapshot.ts'
import { adminFlag, adminUnreachable } from '../admin-client.ts'
import { recordCount } from '../audit-record.ts'
import { checkSettings, type SettingsChecked } from '../check-settings.ts'
import type { Checked, TestsChecked } from '../checked.ts'
import { CliError, exitCodes, Output } from '../output.ts'
import { policyName, readPolicyArgument } from '../policy-argument.ts'
import { sarifLog } from '../sarif.ts'
import { defineVerb, flag } from '../verb.ts'
import { yamlLines } from '../yaml-lines.ts'

/** `gatehouse check`: validates policies and settings, and lists every problem. The verb changes nothing. */
export const verb = defineVerb({
  description: 'Check policies, or settings with everything that they name',
  arguments: {
    path: z
      .array(z.string())
      .default([])
      .register(flag, { help: 'policies to check: files, folders of *.yaml files, or - for standard input' }),
  },
  flags: {
    config: z
      .string()
      .optional()
      .register(flag, {
        short: 'c',
        value: 'file',
        help: 'settings file to check with its policy, secrets, keys, certificates and audit sinks; environment variables override its values, as for serve',
        conflicts: ['print', 'tests', 'fromAudit'],
      }),
    print: z
      .boolean()
      .default(false)
      .register(flag, { help: 'print the policy with every default filled in; requires exactly one path' }),
    strict: z.boolean().default(false).register(flag, { help: 'treat warnings as errors' }),
    tests: z
      .array(z.string())
      .default([])
      .register(flag, {
        value: 'file',
        help: 'also run the policy tests of this file; can be repeated; requires exactly one path',
        conflicts: ['print'],
      }),
    fromAudit: z
      .string()
      .optional()
      .register(flag, {
        value: 'since',
        help: 'report which decisions in the audit log since this time the policy would change: RFC 3339, or a duration before now, such as 24h; requires exactly one path, and audit.decision_facts of the nodes',
        conflicts: ['print', 'strict', 'tests'],
      }),
    records: recordCount
      .default(10_000)
      .register(flag, { value: 'n', help: 'with --from-audit: largest number of audit records, newest first' }),
    admin: adminFlag.clone().register(flag, { ...flag.get(adminFlag)!, conflicts: ['print', 'strict', 'tests'] }),
  },
  formats: ['sarif'],
  examples: [
    { run: 'gatehouse check --config gatehouse.yaml', does: 'all that a start of the node reads' },
    { run: 'gatehouse check policy.yaml --tests tests.yaml', does: 'and the decisions that the tests expect' },
  ],
  exitCodes: {
    [exitCodes.done]: 'everything is valid',
    [exitCodes.invalid]:
      'a policy or the settings are invalid, or a test failed; with --strict: or there is a warning; with --from-audit: or a decision would change',
    ...adminUnreachable,
  },
  run: ({ path: paths, print, output: format, fromAudit, records, admin, ...wish }, output) => {
    if (paths.length === 0 && wish.config === undefined) throw nothingNamed()
    if (paths.length === 0 && (print || fromAudit !== undefined || wish.tests.length > 0)) throw nothingNamed()
    if (fromAudit !== undefined) return replayAudit(paths, format, { fromAudit, records, admin }, output)
    if (wish.tests.length > 0 && paths.length > 1)
      throw wrongUsage('--tests accepts only one path, a file or a folder', onePathHint)
    if (format === 'sarif') return reportSarif(paths, { ...wish, print }, new Output('json'))
    return print ? printEffectivePolicy(paths, output) : check(paths, wish, output)
  },
})

/**
 * Checks a policy against recorded requests (`--from-audit`). Imports the phases of a node only here, because other
 * checks do not need them.
 */
async function replayAudit(
  [path, ...more]: readonly string[],
  format: string,
  wish: { readonly fromAudit: string; readonly records: number; readonly admin: string | undefined },
  output: Output,
): Promise<number> {
  if (more.length > 0) throw wrongUsage('--from-audit accepts only one path, a file or a folder', onePathHint)
  if (format === 'sarif')
    throw wrongUsage('--from-audit cannot be combined with --output sarif', 'use --output json or text')
  const { checkFromAudit } = await import('../replay/check-from-audit.ts')
  return checkFromAudit(path!, wish, output)
}

/** Flags of `gatehouse check` that change what is checked. */
interface Wish {
  readonly strict: boolean
  /** Path of the settings file to check. */
  readonly config?: string | undefined
  /** Paths of the files with policy tests to run. */
  readonly tests: readonly string[]
}

async function check(paths: readonly string[], wish: Wish, output: Output): Promise<number> {
  const checked = await checkAll(paths, wish)
  for (const each of checked) {
    const { revision, problems, warnings, tests } = each
    if ('policy' in each) reportSettings(each, output)
    else if (revision !== null) output.line(`${each.path}: ok, ${policyCounts(each)}`)
    for (const { file, run, failed } of tests ?? []) {
      output.line(
        `${file}: ${failed === 0 ? 'ok, ' : ''}${count(run, 'test')}${failed === 0 ? '' : `, ${failed} failed`}`,
      )
    }
    output.problems(problems)
    output.warnings(warnings)
  }
  output.document({ checked })
  return checked.every(({ valid }) => valid) ? exitCodes.done : exitCodes.invalid
}

function reportSettings(checked: SettingsChecked, output: Output): void {
  const { path, valid, policy, secrets, keys, sinks } = checked
  if (!valid) return
  const counts = [count(secrets, 'secret'), count(keys, 'key'), count(sinks, 'audit sink')].join(', ')
  output.line(`${path}: ok, ${counts}`)
  output.line(policy === null ? 'policy: in the cluster, not checked' : `${policy}: ok, ${policyCounts(checked)}`)
}

function policyCounts({ services, routes, revision }: Checked): string {
  return `${count(services, 'service')}, ${count(routes, 'route')}, revision ${revision}`
}

/**
 * Prints the result of `gatehouse check` as a SARIF log to stdout, for code hosts and editors. Nothing is written to
 * stderr.
 */
async function reportSarif(
  paths: readonly string[],
  { print, ...wish }: Wish & { readonly print: boolean },
  output: Output,
): Promise<number> {
  if (print)
    return output.error(wrongUsage('--print cannot be combined with --output sarif', 'use --output json or text'))
  const checked = await checkAll(paths, wish)
  const problems = checked.flatMap((each) => each.problems)
  const warnings = checked.flatMap((each) => each.warnings)
  output.document(sarifLog(problems, warnings))
  return problems.length === 0 ? exitCodes.done : exitCodes.invalid
}

/**
 * Prints the checked policy and nothing else to stdout, so that the output can be saved as a file: YAML, or JSON for
 * scripts.
 */
async function printEffectivePolicy(paths: readonly string[], output: Output): Promise<number> {
  const [path, ...more] = paths
  if (more.length > 0) throw wrongUsage('--print accepts only one path, a file or a folder', onePathHint)
  const source = await readPolicyArgument(path!)
  compilePolicy(source)
  const policy = printPolicy(source.document)
  output.document(policy)
  for (const line of yamlLines(policy)) output.line(line)
  return exitCodes.done
}

async function checkAll(paths: readonly string[], wish: Wish): Promise<(Checked | SettingsChecked)[]> {
  const { config, strict } = wish
  const checked: Checked[] = config === undefined ? [] : [await checkSettings(config, strict)]
  for (const path of paths) checked.push(await checkOne(path, wish))
  return checked
}

async function checkOne(path: string, { strict, tests: files }: Wish): Promise<Checked> {
  const name = policyName(path)
  try {
    const source = await readPolicyArgument(path)
    const snapshot = compilePolicy(source)
    const warnings = policyWarnings(source, snapshot)
    if (strict && warnings.length > 0) throw new ConfigError(warnings)
    const { services, routes, revision } = snapshot
    const tested = files.length === 0 ? { problems: [] } : await runTests(files, snapshot)
    const valid = tested.problems.length === 0
    return { path: name, valid, services: services.length, routes: routes.length, revision, warnings, ...tested }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { problems } = error
    return { path: name, valid: false, services: 0, routes: 0, revision: null, problems, warnings: [] }
  }
}

/** Import the phases of a node only if there are tests: a check without tests does not need them. */
async function runTests(
  files: readonly string[],
  snapshot: Snapshot,
): Promise<Required<Pick<Checked, 'tests' | 'problems'>>> {
  const { readPolicyTests } = await import('../policy-tests/read-policy-tests.ts')
  const { runPolicyTests } = await import('../policy-tests/run-policy-tests.ts')
  const tests: TestsChecked[] = []
  const problems: Problem[] = []
  for (const read of files.map(readPolicyTests)) {
    const failures = await runPolicyTests(snapshot, read)
    tests.push({ file: read.file, run: read.tests.length, failed: failures.length })
    problems.push(...failures)
  }
  return { tests, problems }
}

function nothingNamed(): CliError {
  const hint = 'gatehouse check policy.yaml, or gatehouse check --config gatehouse.yaml'
  return new CliError(exitCodes.usage, 'GH_USAGE', 'name a policy, or a settings file with --config', hint)
}

const onePathHint = 'run the command once for each path, or put the files of one policy into a folder'

function wrongUsage(message: string, hint: string): CliError {
  return new CliError(exitCodes.usage, 'GH_USAGE', message, hint)
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
