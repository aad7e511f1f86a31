import { expect, test } from 'vitest'
import { runEach } from './run-gatehouse.ts'

// Whom the demo's issuer does not know is told at once, with those it knows.

test.each([
  [['--client', 'raeder'], 'reader, writer, clerk, ops, web'],
  [['--user', 'alicia'], 'alice, bob'],
  [['--user', 'alice', '--client', 'reader'], 'users log in at the client web'],
  [['--client', 'web'], 'users log in at the client web'],
])('demo token %j is a wrong usage', (words, said) => {
  const [run] = runEach([['demo', 'token', ...words]])

  expect(run).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(said) })
})
