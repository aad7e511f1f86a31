// Runs Vitest with the words of the command line. Afterwards, runs failed files of process tests a second time, without
// the others (docs/design/decisions, "Run a failed file of process tests a second time").

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChild } from '../deploy/run-child.mjs'
import { RESULT_VARIABLE } from './kit/result-reporter.ts'
import { filesToRepeat, summaryText, type TestResult, unstableText, withSecondRun } from './kit/test-result.ts'

const vitest = join(import.meta.dirname, '..', 'node_modules', 'vitest', 'vitest.mjs')
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-tests-'))
try {
  process.exitCode = await main(process.argv.slice(2))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function main(words: readonly string[]): Promise<number> {
  const first = await run('first', words)
  const repeated = first.result === undefined || first.code === 0 ? [] : filesToRepeat(first.result)
  if (repeated.length === 0) return first.code
  console.log(`Failed test files run a second time, without the others: ${repeated.join(', ')}\n`)
  const second = await run('second', repeated)
  if (second.result === undefined) return second.code
  console.log(unstableText(first.result!, second.result))
  console.log(`Both runs together:\n${summaryText(withSecondRun(first.result!, second.result))}`)
  return second.code
}

async function run(name: string, words: readonly string[]) {
  const path = join(folder, `${name}.json`)
  const code = await runChild(process.execPath, [vitest, 'run', ...words], {
    env: { ...process.env, [RESULT_VARIABLE]: path },
  })
  return { code, result: existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as TestResult) : undefined }
}
