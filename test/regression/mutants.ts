import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { type Mutation, mutations } from './mutations.ts'

/*
 * Takes one check out of the gate at a time, in a copy of the tree, and looks whether the tests notice. A mutant that
 * survives is a check that nothing holds in place.
 *
 *   npm run mutants -- [--only TEXT] [--gate-only]
 *
 * Exit codes: 0 all died, 1 some survived, 2 it could not be told (a mutation that does not apply, or tests that fail
 * without one). Takes some minutes.
 */

const root = join(import.meta.dirname, '..', '..')
const left = new Set(['node_modules', '.git', '.gatehouse', 'coverage'])
const unit = ['test/unit/pipeline', 'test/unit/policy', 'test/unit/upstream']
/** Without those that are about size and time, and hold no check in place. */
const regression = ['test/regression', '--exclude=**/dos-*', '--exclude=**/unusual-*']

const { values } = parseArgs({
  options: {
    /** Mutations whose file or description has this in it. */
    only: { type: 'string', default: '' },
    /** Leaves the unit tests out: does the running gate show it? */
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
cpSync(root, tree, { recursive: true, filter: (path) => !left.has(relative(root, path).split('/')[0]!) })
symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
// A Redis that the set-up unpacked.
mkdirSync(join(tree, '.gatehouse'))
symlinkSync(join(root, '.gatehouse', 'cache'), join(tree, '.gatehouse', 'cache'))

process.exitCode = await run()

async function run(): Promise<number> {
  const chosen = mutations.filter(({ what, file }) => `${file} ${what}`.includes(values.only))
  const strange = chosen.filter((mutation) => mutated(mutation) === undefined)
  for (const { file, what } of strange) console.log(`does not apply   ${file}: ${what}`)
  if (strange.length > 0 || chosen.length === 0) return 2

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
    console.log(`${killer === undefined ? 'SURVIVED' : 'died'}   ${mutation.file}: ${mutation.what}   ${killer ?? ''}`)
  }
  console.log(`${chosen.length - survivors.length} of ${chosen.length} died`)
  return survivors.length === 0 ? 0 : 1
}

/** In which the mutation must be noticed, one or the other. */
function suitesOf({ tests }: Mutation): readonly (readonly string[])[] {
  if (tests !== undefined) return [tests]
  return values['gate-only'] ? [regression] : [unit, regression]
}

/** @returns the text of the mutated file; `undefined` where the place is not there, or not the only one */
function mutated({ file, find, replace }: Mutation): string | undefined {
  const parts = readFileSync(join(root, 'gateway', file), 'utf8').split(find)
  return parts.length === 2 ? parts.join(replace) : undefined
}

/** @returns the test that noticed */
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

/** Runs tests of the copy up to the first that fails. @returns its name; `undefined` when all pass */
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
