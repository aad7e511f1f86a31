// docs/design/contract.md §10: `--help` has two examples and the exit codes.

import { expect, test } from 'vitest'
import { runEach } from './run-gatehouse.ts'

const verbs = ['explain', 'schema', 'completion']
const runs = runEach(verbs.map((verb) => [verb, '--help']))

test.each(verbs)('the help of %s', (verb) => {
  const { status, stdout } = runs[verbs.indexOf(verb)]!

  expect(status).toBe(0)
  expect(stdout.match(/^ {2}\$ .*gatehouse /gm)).toHaveLength(2)
  expect(stdout).toMatch(/Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 /)
})
