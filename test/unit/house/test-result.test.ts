import { expect, test } from 'vitest'
import { type FailedFile, filesToRepeat, summaryText, unstableText, withSecondRun } from '../../kit/test-result.ts'

// What `npm test` does with the result of Vitest (test/run.ts).

const slow = file('test/integration/slow.test.ts')
const late = file('test/cluster/late.test.ts', { project: 'cluster', passed: 0 })
const first = { passed: 90, failed: 2, skipped: 1, files: [slow, late], unhandled: [] }

function file(path: string, fields: Partial<FailedFile> = {}): FailedFile {
  const failures = [{ test: 'the reply arrives', line: 7, message: 'expected 503 to be 200' }]
  return { path, project: 'integration', passed: 4, failed: 1, skipped: 0, failures, ...fields }
}

test('failed files of process tests are run a second time', () => {
  expect(filesToRepeat(first)).toEqual([slow.path, late.path])
})

test.each([
  ['a unit test failed', { files: [slow, file('test/unit/base/x.test.ts', { project: 'unit' })] }],
  ['an error occurred outside test files', { unhandled: ['socket hang up'] }],
  ['more than 10 files failed', { files: Array.from({ length: 11 }, (_, i) => file(`test/cluster/${i}.test.ts`)) }],
])('no file is run a second time when %s', (_, fields) => {
  expect(filesToRepeat({ ...first, ...fields })).toEqual([])
})

test('the summary counts each repeated test once, with its result in the second run', () => {
  const second = { passed: 5, failed: 1, skipped: 0, files: [late], unhandled: [] }

  expect(summaryText(withSecondRun(first, second))).toBe('      Tests  1 failed | 91 passed | 1 skipped (93)')
})

test('a file that passed in the second run only is listed with its failures in the first run', () => {
  expect(unstableText(first, { ...first, files: [late] })).toBe(
    [
      'Unstable: 1 passed in the second run only. Find the cause of each:',
      '  test/integration/slow.test.ts:7 > the reply arrives',
      '    expected 503 to be 200',
      '',
    ].join('\n'),
  )
  expect(unstableText(first, first)).toBe('')
})
