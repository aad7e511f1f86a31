// `gatehouse schema` prints the schemas of docs/reference/schema/.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runEach } from './run-gatehouse.ts'

const [settings, policy, line, other] = runEach([
  ['schema', 'settings'],
  ['schema', 'policy'],
  ['schema', 'policy', '--output', 'json'],
  ['schema', 'openapi'],
])
const committed = (name: string) =>
  readFileSync(new URL(`../../../docs/reference/schema/${name}.schema.json`, import.meta.url), 'utf8')

test('the CLI command `schema` prints the JSON Schemas in docs/reference/schema', () => {
  expect(settings).toEqual({ status: 0, stdout: committed('gatehouse'), stderr: '' })
  expect(policy).toEqual({ status: 0, stdout: committed('policy'), stderr: '' })
})

test('the CLI command `schema --output json` prints the schema on one line', () => {
  expect(line!.stdout.trimEnd().split('\n')).toHaveLength(1)
  expect(JSON.parse(line!.stdout)).toEqual(JSON.parse(policy!.stdout))
})

test('`gatehouse schema` with an unknown document is wrong usage', () => {
  expect(other).toMatchObject({ status: 2, stdout: '' })
})
