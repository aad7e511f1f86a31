import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

// `expect.poll` throws while no test is running. With concurrent tests, that is the case between the end of one test and
// the start of the next. Such tests use test/kit/until.ts.

const root = join(import.meta.dirname, '../..')

test('no file with concurrent tests uses expect.poll', () => {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'))
  const both = files.filter((name) => {
    const text = readFileSync(join(root, name), 'utf8')
    return /\b(?:test|describe)(?:\.skipIf\([^)]*\))?\.concurrent\b/.test(text) && /\bexpect\s*\.poll\(/.test(text)
  })

  expect(files.length).toBeGreaterThan(200)
  expect(both).toEqual([])
})
