// `npm run release`: builds the files of a release into `.gatehouse/release/`. Refuses when versions disagree or the tree
// has changes. `--check` then installs the npm package in an empty folder and tries it.

import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildRelease } from './build-release.ts'
import { tryPackage } from './try-package.ts'
import { disagreements, versionTexts } from './version-agreement.ts'

const checkout = join(import.meta.dirname, '../..')
const usage = `usage: npm run release -- [OPTION …]

  --check         then install the npm package in an empty folder, and start a node and the demo from it
  --allow-dirty   also with changes that are not committed`
const values = optionsOf(process.argv.slice(2))

const refusals = [...disagreements(versionTexts(checkout)), ...changedFiles()]
if (refusals.length > 0) {
  console.error(`release: refused\n  ${refusals.join('\n  ')}`)
  process.exit(1)
}
let startedMs = performance.now()
const release = buildRelease(checkout, join(checkout, '.gatehouse/release'), (file) => {
  const kib = Math.ceil(statSync(join(checkout, '.gatehouse/release', file)).size / 1024)
  say(`${file} (${kib} KiB)`)
})
console.error(`release: built in ${release.folder}`)
if (values.check) await tryPackage(release, say)

/** Reads the options. Prints the usage and ends the process for --help (exit code 0) and for wrong usage (2). */
function optionsOf(args: string[]): { readonly 'allow-dirty': boolean; readonly check: boolean } {
  const flag = { type: 'boolean', default: false } as const
  try {
    const { help, ...options } = parseArgs({ args, options: { 'allow-dirty': flag, check: flag, help: flag } }).values
    if (!help) return options
    console.error(usage)
    process.exit(0)
  } catch (error) {
    console.error(`release: ${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}

/** Prints the result of a step with its seconds. */
function say(done: string): void {
  console.error(`release: ${((performance.now() - startedMs) / 1000).toFixed(1).padStart(5)} s  ${done}`)
  startedMs = performance.now()
}

function changedFiles(): string[] {
  if (values['allow-dirty']) return []
  const changed = execFileSync('git', ['status', '--porcelain'], { cwd: checkout, encoding: 'utf8' }).trimEnd()
  return changed === '' ? [] : [`the tree has changes; commit them, or call with --allow-dirty:\n${changed}`]
}
