// `gatehouse diff` compares two policies by their effect and states the result by its exit code.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Run, runEach, runGatehouse } from './run-gatehouse.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-diff-'))
afterAll(() => rmSync(folder, { recursive: true }))

const policy = (require: string, rest = '') => `version: 1
issuers: { main: { issuer: "https://idp.test", audience: [a] } }
services:
  s:
    upstreams: [http://s.test]
    ${rest}
    routes:
      - { id: r, match: { path: / }, require: ${require} }
`
const read = '{ scopes: { all: [read] } }'
const texts = {
  old: policy(read),
  same: `# The same\n${policy('{ scopes: { all: ["read"] } }')}`,
  public: policy('public'),
  limited: policy(read, 'limits: [{ name: burst, by: subject, requests: 10, window: 1m }]'),
  invalid: policy('{ scope: { all: [read] } }'),
}

const pathOf = (name: string) => join(folder, `${name}.yaml`)
let runs: Record<string, Run>

beforeAll(() => {
  for (const [name, text] of Object.entries(texts)) writeFileSync(pathOf(name), text)
  const found = runEach([
    ...Object.keys(texts).map((name) => ['diff', pathOf('old'), pathOf(name)]),
    ['diff', pathOf('old'), pathOf('public'), '--output', 'json'],
    ['diff', '-', '-'],
  ])
  runs = Object.fromEntries([...Object.keys(texts), 'json', 'input'].map((name, i) => [name, found[i]!]))
})

test('`gatehouse diff` exits with 0 for policies with the same effect', () => {
  expect(runs['same']).toEqual({ status: 0, stdout: 'the policies are equal\n', stderr: '' })
})

test('`gatehouse diff` exits with 1 for policies that differ, and lists each difference', () => {
  expect(runs['public']).toEqual({
    status: 1,
    stdout: [
      'services.s.routes[r]: becomes public',
      '  require: {"scopes":{"all":["read"]}} -> public (wider)',
      'the new policy admits requests that the old policy does not, or may do so\n',
    ].join('\n'),
    stderr: '',
  })
  expect(runs['limited']).toEqual({
    status: 1,
    stdout: 'services.s.limits[burst]: added\nthe new policy admits no request that the old policy does not\n',
    stderr: '',
  })
})

test('`gatehouse diff` exits with 2 for an invalid policy, and names the place of the error', () => {
  expect(runs['invalid']).toMatchObject({ status: 2, stdout: '' })
  expect(runs['invalid']!.stderr).toContain(`${pathOf('invalid')}:8:`)
})

test('`gatehouse diff --output json` prints the difference as one document', () => {
  expect(runs['json']!.status).toBe(1)
  expect(JSON.parse(runs['json']!.stdout)).toMatchObject({
    old: { path: pathOf('old'), revision: expect.stringMatching(/^[0-9a-f]{12}$/) },
    new: { path: pathOf('public') },
    equal: false,
    widens: true,
    routes: [{ route: 'r', service: 's', change: 'public', widens: true, public: true }],
  })
})

test('`gatehouse diff` reads one policy from standard input, and rejects two policies from standard input', () => {
  expect(runGatehouse(['diff', '-', pathOf('same')], texts.old).status).toBe(0)
  expect(runs['input']).toMatchObject({ status: 2, stderr: expect.stringContaining('only one of the policies') })
})
