import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

// `expect.poll` asks which test is running. Where tests run at once the answer is "none" from the end of one to the start of
// the next, and it throws: those wait by test/kit/until.ts.

const root = join(import.meta.dirname, '../..')

test('no file whose tests run at once polls by expect', () => {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'))
  const both = files.filter((name) => {
    const text = readFileSync(join(root, name), 'utf8')
    return /\b(?:test|describe)(?:\.skipIf\([^)]*\))?\.concurrent\b/.test(text) && /\bexpect\s*\.poll\(/.test(text)
  })

  expect(files.length).toBeGreaterThan(200)
  expect(both).toEqual([])
})
