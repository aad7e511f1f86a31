import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { type Mutation, mutations } from './mutations.ts'

/*
 * Removes one check of the gate at a time in a copy of the tree and runs the tests. A surviving mutant is a check that
 * no test covers.
 *
 *   npm run mutants -- [--only TEXT] [--gate-only]
 *
 * Exit codes: 0 all mutants were killed, 1 some survived, 2 no result (a mutation does not apply, or tests fail without
 * a mutation). Takes some minutes.
 */

const root = join(import.meta.dirname, '..', '..')
const notCopied = new Set(['node_modules', '.git', '.gatehouse', 'coverage'])
const unit = ['test/unit/pipeline', 'test/unit/policy', 'test/unit/upstream']
/** Regression tests without the tests of size and time, which cover no single check. */
const regression = ['test/regression', '--exclude=**/dos-*', '--exclude=**/unusual-*']

const { values } = parseArgs({
  options: {
    /** Runs only mutations whose file or description contains this text. */
    only: { type: 'string', default: '' },
    /** Runs the regression tests only: a test with a running gate must then kill each mutant. */
    'gate-only': { type: 'boolean', default: false },
  },
})

const tree = mkdtempSync(join(tmpdir(), 'gatehouse-mutants-'))
let running: ChildProcess | undefined
process.once('exit', () => {
  running?.kill()
  rmSync(tree, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
cpSync(root, tree, { recursive: true, filter: (path) => !notCopied.has(relative(root, path).split('/')[0]!) })
symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
// The cache contains the Redis program that `npm run setup` has unpacked.
mkdirSync(join(tree, '.gatehouse'))
symlinkSync(join(root, '.gatehouse', 'cache'), join(tree, '.gatehouse', 'cache'))

process.exitCode = await run()

async function run(): Promise<number> {
  const chosen = mutations.filter(({ what, file }) => `${file} ${what}`.includes(values.only))
  const inapplicable = chosen.filter((mutation) => mutated(mutation) === undefined)
  for (const { file, what } of inapplicable) console.log(`does not apply   ${file}: ${what}`)
  if (inapplicable.length > 0 || chosen.length === 0) return 2

  const needed = new Map(chosen.flatMap((mutation) => suitesOf(mutation)).map((suite) => [suite.join(' '), suite]))
  for (const suite of needed.values()) {
    const failure = await failureOf(suite)
    if (failure === undefined) continue
    console.log(`fails without any mutation   ${failure}`)
    return 2
  }
  const survivors: Mutation[] = []
  for (const mutation of chosen) {
    const killer = await killerOf(mutation, suitesOf(mutation))
    if (killer === undefined) survivors.push(mutation)
    console.log(
      `${killer === undefined ? 'SURVIVED' : 'killed'}   ${mutation.file}: ${mutation.what}   ${killer ?? ''}`,
    )
  }
  console.log(`${chosen.length - survivors.length} of ${chosen.length} killed`)
  return survivors.length === 0 ? 0 : 1
}

/** Test suites of a mutation. At least one of them must fail with the mutation. */
function suitesOf({ tests }: Mutation): readonly (readonly string[])[] {
  if (tests !== undefined) return [tests]
  return values['gate-only'] ? [regression] : [unit, regression]
}

/** @returns the text of the mutated file; `undefined` when `find` does not occur exactly once */
function mutated({ file, find, replace }: Mutation): string | undefined {
  const parts = readFileSync(join(root, 'gateway', file), 'utf8').split(find)
  return parts.length === 2 ? parts.join(replace) : undefined
}

/** @returns the first test that fails with the mutation; `undefined` when all pass */
async function killerOf(mutation: Mutation, suites: readonly (readonly string[])[]): Promise<string | undefined> {
  const path = join(tree, 'gateway', mutation.file)
  writeFileSync(path, mutated(mutation)!)
  try {
    for (const suite of suites) {
      const killer = await failureOf(suite)
      if (killer !== undefined) return killer
    }
    return undefined
  } finally {
    cpSync(join(root, 'gateway', mutation.file), path)
  }
}

/** Runs tests of the copy until the first failure. @returns the name of the failed test; `undefined` when all pass */
async function failureOf(paths: readonly string[]): Promise<string | undefined> {
  const vitest = join('node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', ...paths, '--bail=1', '--reporter=default'], {
    cwd: tree,
    env: { ...process.env, NO_COLOR: '1', CI: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running = child
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = await once(child, 'close')
  if (code === 0) return undefined
  const output = Buffer.concat(chunks).toString()
  return /^ *FAIL +(.*)$/m.exec(output)?.[1] ?? `exit code ${code}: ${output.slice(-400)}`
}
