// `gatehouse check` reports every problem of a policy; `gatehouse keys generate` prints one secret.

import { createHash, createPrivateKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runGatehouse as run, runEach } from './run-gatehouse.ts'

const root = mkdtempSync(join(tmpdir(), 'check-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const good = `version: 1
services:
  files: { upstreams: ["http://f"], routes: [{ id: f, match: { path: /f }, require: public }] }
  pages: { upstreams: ["http://p"], routes: [{ id: p, match: { path: /p }, require: public }, { id: q, match: { path: /q }, require: public }] }
`
const bad = good.replace('path: /q', 'path: /p').replace('id: f,', 'id: p,')
const revision = createHash('sha256').update(good).digest('hex').slice(0, 12)

function fileOf(name: string, text: string): string {
  const path = join(root, name)
  writeFileSync(path, text)
  return path
}

test('the CLI command `check` reports a valid policy in one line', () => {
  const path = fileOf('good.yaml', good)

  expect(run(['check', path])).toEqual({
    status: 0,
    stdout: `${path}: ok, 2 services, 3 routes, revision ${revision}\n`,
    stderr: '',
  })
})

test('the CLI command `check` reads a policy from standard input and reports it as JSON', () => {
  const { status, stdout, stderr } = run(['check', '-', '--output', 'json'], good)

  expect([status, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toEqual({
    checked: [{ path: 'standard input', valid: true, services: 2, routes: 3, revision, problems: [], warnings: [] }],
  })
})

test('the CLI command `check` writes every problem to stderr, and exits with 1 if one of several policies is invalid', () => {
  const [goodPath, badPath] = [fileOf('good.yaml', good), fileOf('bad.yaml', bad)]
  const { status, stdout, stderr } = run(['check', badPath, goodPath])

  expect(status).toBe(1)
  expect(stdout).toContain(`${goodPath}: ok`)
  expect(stdout).not.toContain('bad.yaml')
  expect(stderr).toContain(`${badPath}:4:`)
  expect(stderr).toMatch(
    /route id p is used in files and in pages; route ids must be unique in the policy \(GH_POLICY_ROUTE_ID\)/,
  )
  expect(stderr).toMatch(
    /p \(service pages\) and q \(service pages\) match the same requests: .* \(GH_POLICY_CONFLICT\)/,
  )
})

test('the CLI command `check -o json` reports each problem as a line on stderr and in the document on stdout', () => {
  const { status, stdout, stderr } = run(['check', fileOf('bad.yaml', bad), '-o', 'json'])
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const [checked] = JSON.parse(stdout).checked

  expect(status).toBe(1)
  expect(checked).toMatchObject({ valid: false, revision: null })
  expect(lines.map(({ code, line }) => [code, line])).toEqual(
    checked.problems.map(({ code, line }: { code: string; line: number }) => [code, line]),
  )
  expect(lines).toHaveLength(2)
})

const weaker = `version: 1
issuers: { main: { issuer: "https://idp.test", audience: ["a"] } }
services:
  shop:
    upstreams: ["http://f"]
    routes:
      - { id: admin, match: { host: a.test, path: /admin/** }, require: { scopes: { all: [admin] } } }
      - { id: pages, match: { path: /** }, require: public }
`

test('the CLI command `check` warns about a route that serves the same path on other hosts with a weaker requirement, and accepts the policy', () => {
  const path = fileOf('weaker.yaml', weaker)
  const { status, stdout, stderr } = run(['check', path])

  expect([status, stdout]).toEqual([0, expect.stringContaining(`${path}: ok, 1 service, 2 routes`)])
  expect(stderr).toMatch(/^\S+weaker\.yaml:8:\d+: warning: services\.shop\.routes\[1\]\.match: route pages admits/)
  const json = run(['check', path, '--output', 'json'])
  expect(JSON.parse(json.stderr)).toMatchObject({ level: 'warning', code: 'GH_POLICY_WEAKER_ROUTE', line: 8 })
  expect(JSON.parse(json.stdout).checked).toMatchObject([{ valid: true, problems: [], warnings: [{ line: 8 }] }])
  const sarif = run(['check', path, '--output', 'sarif'])
  expect([sarif.status, JSON.parse(sarif.stdout).runs[0].results]).toMatchObject([0, [{ level: 'warning' }]])
})

test('the CLI command `check --strict` exits with an error for a policy with a warning', () => {
  const { status, stdout, stderr } = run(['check', fileOf('weaker.yaml', weaker), '--strict'])

  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(
    /weaker\.yaml:8:\d+: services\.shop\.routes\[1\]\.match: route pages .*\(GH_POLICY_WEAKER_ROUTE\)/,
  )
  const sarif = run(['check', fileOf('weaker.yaml', weaker), '--strict', '--output', 'sarif'])
  expect([sarif.status, JSON.parse(sarif.stdout).runs[0].results]).toMatchObject([1, [{ level: 'error' }]])
  expect(run(['check', fileOf('good.yaml', good), '--strict']).status).toBe(0)
})

test('the CLI command `check` of a missing path exits with 1 and prints no stack', () => {
  const { status, stderr } = run(['check', join(root, 'nowhere')])

  expect([status, stderr]).toEqual([
    1,
    `${join(root, 'nowhere')}: cannot be read (ENOENT) (GH_CONFIG_UNREADABLE)\n  hint: no file or folder has this path; a relative path starts at the working directory\n`,
  ])
})

test('the CLI command `keys generate assertion` prints a usable private JWK on one line', () => {
  const { status, stdout, stderr } = run(['keys', 'generate', 'assertion'])
  const jwk = JSON.parse(stdout)

  expect([status, stderr, stdout.split('\n').length]).toEqual([0, '', 2])
  expect(jwk).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256' })
  expect(createPrivateKey({ key: jwk, format: 'jwk' }).asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
  expect(JSON.parse(run(['keys', 'generate', 'assertion']).stdout).d).not.toBe(jwk.d)
})

test('the CLI command `keys generate encryption` prints 32 bytes in base64url', () => {
  const { stdout } = run(['keys', 'generate', 'encryption'])

  expect(stdout).toMatch(/^[A-Za-z0-9_-]{43}\n$/)
})

test('`check --tests` exits with 1 and reports each failed test as text, JSON and SARIF', () => {
  const path = fileOf('good.yaml', good)
  const passing = fileOf('passing.yaml', 'tests: [{ name: open, request: { url: /p }, expect: { route: p } }]\n')
  const failing = fileOf('failing.yaml', 'tests: [{ name: closed, request: { url: /p }, expect: { status: 401 } }]\n')
  const [passed, text, json, sarif, two] = runEach([
    ['check', path, '--tests', passing],
    ['check', path, '--tests', passing, '--tests', failing],
    ['check', path, '--tests', failing, '-o', 'json'],
    ['check', path, '--tests', failing, '-o', 'sarif'],
    ['check', path, path, '--tests', passing],
  ])

  expect(passed).toMatchObject({ status: 0, stderr: '' })
  expect(passed!.stdout).toContain(`${passing}: ok, 1 test\n`)
  expect(text!.status).toBe(1)
  expect(text!.stdout).toContain(`${failing}: 1 test, 1 failed\n`)
  expect(text!.stderr).toContain(
    `${failing}:1:57: tests[0].expect.status: "closed": expected 401, got 200 admitted at p`,
  )
  expect(json!.status).toBe(1)
  expect(JSON.parse(json!.stdout).checked[0]).toMatchObject({
    valid: false,
    revision,
    tests: [{ file: failing, run: 1, failed: 1 }],
    problems: [{ code: 'GH_POLICY_TEST', line: 1 }],
  })
  expect(sarif!.status).toBe(1)
  expect(JSON.parse(sarif!.stdout).runs[0].results).toMatchObject([{ ruleId: 'GH_POLICY_TEST', level: 'error' }])
  expect(two!.status).toBe(2)
})
