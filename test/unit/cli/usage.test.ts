import { expect, test } from 'vitest'
import { runEach } from './run-gatehouse.ts'

test('help about a verb that there is not is a wrong usage, and says so', () => {
  const [unknown, known] = runEach([
    ['help', 'srve'],
    ['help', 'serve'],
  ])

  expect(unknown).toMatchObject({ status: 2, stdout: '', stderr: expect.stringMatching(/^error: unknown command/) })
  expect(known).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage: gatehouse serve') })
})
