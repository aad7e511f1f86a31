import { expect, test } from 'vitest'
import { runEach } from './run-gatehouse.ts'

test.each([
  [['--client', 'raeder'], 'reader, writer, clerk, ops, web'],
  [['--user', 'alicia'], 'alice, bob'],
  [['--user', 'alice', '--client', 'reader'], '--user and --client web must be given together'],
  [['--client', 'web'], '--user and --client web must be given together'],
])('the CLI rejects the arguments %j of `demo token` as wrong usage and names the allowed values', (words, message) => {
  const [run] = runEach([['demo', 'token', ...words]])

  expect(run).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(message) })
})
