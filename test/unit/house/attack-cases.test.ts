import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

// Every case of docs/design/attack-cases.md is cited by a test, or test/regression/README.md says why it has no test.

const tests = resolve(import.meta.dirname, '../..')
const CASES = 159
const named = /S-(\d{3})(?: to S-(\d{3}))?/g

const numbersIn = (text: string): number[] =>
  [...text.matchAll(named)].flatMap(([, first, last = first]) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i),
  )

const tested = new Set(
  readdirSync(tests, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts') && !path.endsWith('attack-cases.test.ts'))
    .flatMap((path) => numbersIn(readFileSync(join(tests, path), 'utf8'))),
)

const readme = readFileSync(join(tests, 'regression/README.md'), 'utf8')
const nothingToTest = new Set(
  readme
    .split('\n')
    .filter((line) => /\| .*(?:not supported|there (?:is|are) no |requests none|no operation changes)/.test(line))
    .flatMap((line) => numbersIn(line.split('|')[1]!)),
)

test.each(Array.from({ length: CASES }, (_, i) => i + 1))(
  'the attack case S-%i is cited by a test, or listed as not applicable',
  (number) => {
    expect(tested.has(number) || nothingToTest.has(number)).toBe(true)
  },
)

test('test/regression/README.md names each test file with attack cases', () => {
  const files = readdirSync(join(tests, 'regression')).filter((path) => path.endsWith('.test.ts'))
  const listed = (file: string) => {
    const name = file.replace('.test.ts', '')
    return readme.includes(`\`${name}\``) || readme.includes(`\`${name.split('-')[0]}-*\``) || /^dos-/.test(name)
  }
  expect(files.filter((file) => !listed(file))).toEqual([])
})
