import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

// `expect.poll` throws an error when it is called between the end of one test and the start of the next. Concurrent
// tests can do so; they use test/kit/until.ts instead.

const root = join(import.meta.dirname, '../..')

test('no test file with concurrent tests uses expect.poll', () => {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'))
  const both = files.filter((name) => {
    const text = readFileSync(join(root, name), 'utf8')
    return /\b(?:test|describe)(?:\.skipIf\([^)]*\))?\.concurrent\b/.test(text) && /\bexpect\s*\.poll\(/.test(text)
  })

  expect(files.length).toBeGreaterThan(200)
  expect(both).toEqual([])
})
