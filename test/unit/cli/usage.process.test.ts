import { expect, test } from 'vitest'
import { verbs } from '../../../gateway/cli/verbs.ts'
import { runEach } from './run-gatehouse.ts'

test('the CLI rejects help for an unknown command as wrong usage and prints an error', () => {
  const [unknown, known] = runEach([
    ['help', 'srve'],
    ['help', 'serve'],
  ])

  expect(unknown).toMatchObject({ status: 2, stdout: '', stderr: expect.stringMatching(/^error: unknown command/) })
  expect(known).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage: gatehouse serve') })
})

test('every CLI command except `bench` prints a usage error as JSON if JSON output is requested', () => {
  // `bench` passes its arguments to a separate program, see test/integration/bench.test.ts.
  const names = Object.keys(verbs).filter((name) => name !== 'bench')

  const runs = runEach(names.map((name) => [...name.split(' '), '--no-such-flag', '--output', 'json']))
  for (const [i, { status, stdout, stderr }] of runs.entries()) {
    expect([names[i], status, stdout]).toEqual([names[i], 2, ''])
    expect(JSON.parse(stderr)).toMatchObject({ code: 'GH_USAGE', message: expect.any(String) })
  }
})
