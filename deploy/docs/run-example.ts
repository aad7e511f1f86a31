import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkSettings } from '../../gateway/cli/check-settings.ts'
import { readPolicyTests } from '../../gateway/cli/policy-tests/read-policy-tests.ts'
import { runPolicyTests } from '../../gateway/cli/policy-tests/run-policy-tests.ts'
import { ConfigError, type Problem } from '../../gateway/config/problem.ts'
import { readSettings } from '../../gateway/config/settings.ts'
import { GatewayNode } from '../../gateway/node.ts'
import { compilePolicy } from '../../gateway/policy/compile.ts'
import { loadPolicy } from '../../gateway/policy/policy-source.ts'
import { policyWarnings } from '../../gateway/policy/policy-warnings.ts'
import type { ErrorExample } from './error-examples.ts'

/**
 * Reads the files of an example as `serve` or `check` does. @returns the problems that are found, with paths relative
 * to the example's folder
 */
export async function problemsOfExample(example: ErrorExample): Promise<readonly Problem[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-docs-'))
  try {
    const names = Object.keys(example.files)
    const home = isPolicyFolder(example) ? join(folder, 'policy') : folder
    mkdirSync(home, { recursive: true })
    for (const name of names) writeFileSync(join(home, name), example.files[name]!)
    const warnings = await read(example, folder)
    return warnings.map((problem) => within(problem, folder))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map((problem) => within(problem, folder))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export function isPolicyFolder({ files }: ErrorExample): boolean {
  return !isStart({ files }) && !hasTests({ files }) && Object.keys(files).length > 1
}

export function hasTests({ files }: Pick<ErrorExample, 'files'>): boolean {
  return Object.hasOwn(files, 'tests.yaml')
}

export function isStart({ files }: Pick<ErrorExample, 'files'>): boolean {
  return Object.hasOwn(files, 'gatehouse.yaml')
}

/**
 * Starts a node with the example, or compiles its policy and runs its tests. @returns the warnings and failed tests of
 * `gatehouse check`; empty after the start of a node
 */
async function read(example: ErrorExample, folder: string): Promise<readonly Problem[]> {
  if (!isStart(example)) {
    const source = loadPolicy(join(folder, isPolicyFolder(example) ? 'policy' : 'policy.yaml'))
    const snapshot = compilePolicy(source)
    if (hasTests(example)) return runPolicyTests(snapshot, readPolicyTests(join(folder, 'tests.yaml')))
    return policyWarnings(source, snapshot)
  }
  if (example.checksSettings === true) return (await checkSettings(join(folder, 'gatehouse.yaml'), false)).warnings
  // Port 0: the operating system chooses free ports, in case the node starts without a problem.
  const flags = { listen: '127.0.0.1:0', admin: { listen: '127.0.0.1:0' } }
  const settings = readSettings({ path: join(folder, 'gatehouse.yaml'), env: example.env ?? {}, flags })
  const node = await GatewayNode.start(settings)
  await node.stop()
  return []
}

function within(problem: Problem, folder: string): Problem {
  const local = (text: string) => text.replaceAll(`${folder}/`, '')
  return { ...problem, message: local(problem.message), file: problem.file && local(problem.file) }
}
