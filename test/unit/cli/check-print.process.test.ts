// docs/design/contract.md §10: `gatehouse check --print` prints a policy that can be saved, read and checked again.

import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { programPath } from '../../kit/programs.ts'

function check(input: string, ...flags: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [programPath('gatehouse'), 'check', '-', ...flags], {
    input,
    encoding: 'utf8',
    timeout: 100_000,
    env: {},
  })
  return { status, stdout, stderr }
}

const policy = `version: 1
issuers: { main: { issuer: "https://idp.test", audience: [a] } }
services:
  s:
    upstreams: [http://s.test]
    routes:
      - id: r
        match: { path: / }
        require:
          all:
            - time: { from: "08:00", to: "18:00" }
            - claims: { "text": { any: ["yes", "1", "08:00", "a\\tb\\u202ec\\e", "é", "null"] } }
`

test('`gatehouse check --print` prints YAML that is unchanged when it is read and printed again', () => {
  const { status, stdout, stderr } = check(policy, '--print')

  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^version: 1\nissuers:\n/)
  expect(check(stdout, '--print')).toEqual({ status: 0, stdout, stderr: '' })
})

test('`gatehouse check --print` escapes control characters for a terminal without losing values', () => {
  const { stdout } = check(policy, '--print')
  const { claims } = parse(stdout).services.s.routes[0].require.all[1]

  expect(stdout).toMatch(/^[\n\x20-\x7e\xa1-\xff]*$/)
  expect(claims.text.any).toEqual(['yes', '1', '08:00', 'a\tb\u202ec\u001b', 'é', 'null'])
})

test('a YAML 1.1 parser reads the same policy from the output of `gatehouse check --print`', () => {
  const { stdout } = check(policy, '--print')

  expect(parse(stdout, { version: '1.1' })).toEqual(parse(stdout))
})

test('`gatehouse check --print --output json` prints the policy as one JSON document', () => {
  const { status, stdout } = check(policy, '--print', '--output', 'json')

  expect(status).toBe(0)
  expect(stdout.trim().split('\n')).toHaveLength(1)
  expect(JSON.parse(stdout)).toEqual(parse(check(policy, '--print').stdout))
  expect(check(stdout)).toMatchObject({ status: 0, stderr: '' })
})

test('`gatehouse check --print` rejects an invalid policy without printing it', () => {
  const { status, stdout, stderr } = check(policy.replace('"18:00"', '"08:00"'), '--print')

  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(
    /^standard input:11:\d+: .*from and to must differ, and from must be before 24:00.*\(GH_POLICY_CONTRADICTION\)\n$/,
  )
})

test('the CLI rejects `check --print` with two policy paths as wrong usage', () => {
  const { status, stdout, stderr } = check(policy, 'other.yaml', '--print')

  expect([status, stdout]).toEqual([2, ''])
  expect(stderr).toContain('--print accepts only one path, a file or a folder (GH_USAGE)')
})
