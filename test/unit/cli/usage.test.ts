import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { commandLine } from '../../../gateway/cli/cli.ts'
import { runEach } from './run-gatehouse.ts'

test('help about a verb that there is not is a wrong usage, and says so', () => {
  const [unknown, known] = runEach([
    ['help', 'srve'],
    ['help', 'serve'],
  ])

  expect(unknown).toMatchObject({ status: 2, stdout: '', stderr: expect.stringMatching(/^error: unknown command/) })
  expect(known).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage: gatehouse serve') })
})

/** Every verb, those beneath verbs too, as the words that name it. */
function verbsOf(command: Command, before: readonly string[] = []): string[][] {
  return command.commands.flatMap((each) => {
    const words = [...before, each.name()]
    return [words, ...verbsOf(each, words)]
  })
}

test('what is wrong with the words is told as JSON where it is asked for, by every verb', async () => {
  // It hands its words on: test/integration/bench.
  const verbs = verbsOf(await commandLine()).filter(([name]) => name !== 'bench')

  const runs = runEach(verbs.map((words) => [...words, '--no-such-flag', '--output', 'json']))
  for (const [i, { status, stdout, stderr }] of runs.entries()) {
    expect([verbs[i], status, stdout]).toEqual([verbs[i], 2, ''])
    expect(JSON.parse(stderr)).toMatchObject({ code: 'GH_USAGE', message: expect.any(String) })
  }
})
