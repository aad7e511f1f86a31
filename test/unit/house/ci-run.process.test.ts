import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

// .ci/run returns the output and the exit code of `npm test`, and prints the numbers of passed and failed tests in its
// last line.

const script = fileURLToPath(new URL('../../../.ci/run', import.meta.url))
const coloured = '\x1b[2m      Tests \x1b[22m \x1b[1m\x1b[31m3 failed\x1b[39m\x1b[22m | \x1b[32m12 passed\x1b[39m (15)'

test.each([
  { says: '      Tests  12 passed (12)', ends: 0, last: '12 passed, 0 failed', code: 0 },
  { says: '      Tests  12 passed | 4 skipped (16)', ends: 0, last: '12 passed, 0 failed', code: 0 },
  { says: coloured, ends: 1, last: '12 passed, 3 failed', code: 1 },
  { says: '      Tests  12 passed (12)', ends: 1, last: '12 passed, 1 failed', code: 1 },
  { says: '      Tests  no tests', ends: 0, last: '0 passed, 1 failed', code: 1 },
  { says: 'src/a.ts(1,1): error TS1005', ends: 2, last: '0 passed, 1 failed', code: 2 },
])(
  'for `npm test` with the output "$says" and exit code $ends, .ci/run prints "$last" and exits with $code',
  ({ says, ends, last, code }) => {
    const checkout = mkdtempSync(join(tmpdir(), 'ci-run-'))
    mkdirSync(join(checkout, '.ci'))
    copyFileSync(script, join(checkout, '.ci/run'))
    writeFileSync(join(checkout, 'package.json'), JSON.stringify({ scripts: { test: 'node said.cjs' } }))
    writeFileSync(
      join(checkout, 'said.cjs'),
      `console.error('told on stderr'); console.log(${JSON.stringify(says)}); process.exitCode = ${ends}`,
    )

    const run = spawnSync(join(checkout, '.ci/run'), { encoding: 'utf8', timeout: 100_000 })
    rmSync(checkout, { recursive: true })

    expect(run.stdout.trimEnd().split('\n').at(-1)).toBe(last)
    expect(run.status).toBe(code)
    expect(run.stdout).toContain(says)
    expect(run.stdout).toContain('told on stderr')
  },
)
