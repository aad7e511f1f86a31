// S-130: `gatehouse explain` never prints a token or secret of its input, wherever the input contains it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { redact } from '../../../gateway/cli/redact.ts'
import { TestIssuer, testAudience } from '../../kit/issuer.ts'
import { runEach, runGatehouse } from './run-gatehouse.ts'

const root = mkdtempSync(join(tmpdir(), 'explain-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const issuer = new TestIssuer({})
const policy = join(root, 'policy.yaml')
writeFileSync(
  policy,
  `version: 1
issuers: { main: { issuer: "${issuer.url}", audience: ["${testAudience}"] } }
services:
  orders:
    credentials: token
    upstreams: ["http://orders:8080"]
    routes: [{ id: r, match: { path: /orders/** }, require: { scopes: { all: ["orders:read"] } } }]
`,
)
const token = issuer.sign()
const tokenFile = join(root, 'token')
writeFileSync(tokenFile, `${token}\n`)
const usual = ['explain', 'GET', '/orders/7', '--policy', policy]

const cases: readonly (readonly [where: string, status: number, args: readonly string[]])[] = [
  ['--token', 0, [...usual, '--token', token]],
  ['a file', 0, [...usual, '--token-file', tokenFile]],
  ['a header', 0, [...usual, '--header', `authorization: Bearer ${token}`]],
  ['two headers', 1, [...usual, '--token', token, '--header', `authorization: Bearer ${token}`]],
  ['a header and JSON', 0, [...usual, '--token', token, '--header', `x-a: ${token}`, '-o', 'json']],
  ['the path', 1, ['explain', 'GET', `/x/${token}`, '--token', token, '--policy', policy]],
  ['the query', 1, ['explain', 'GET', `/orders?access_token=${token}`, '--policy', policy]],
  ['an argument too many', 2, [...usual, token]],
  ['the format', 2, [...usual, '--output', token]],
  ['the address', 2, [...usual, '--address', token]],
  ['the time', 2, [...usual, '--at', token]],
  ['a header without name', 2, [...usual, '--header', token]],
  ['the URL', 2, ['explain', 'GET', token, '--policy', policy]],
]
const runs = runEach(cases.map(([, , args]) => args))

test.each(cases)('`gatehouse explain` does not print a token that is in: %s', (where, status) => {
  expectSilence(status, runs[cases.findIndex(([name]) => name === where)]!)
})

test.each(['--token', '--token-file'])(
  '`gatehouse explain` reads the token from standard input with %s -, and does not print the token',
  (name) => {
    const run = runGatehouse([...usual, name, '-'], token)

    expectSilence(0, run)
    expect(run.stdout).toContain(`(${token.length} characters)`)
  },
)

test('`gatehouse explain` does not print a token in a misspelt flag', () => {
  expectSilence(2, runGatehouse([...usual, `--tokn=${token}`]))
})

function expectSilence(status: number, run: { status: number | null; stdout: string; stderr: string }): void {
  const said = run.stdout + run.stderr
  expect([run.status, said]).toEqual([status, expect.stringMatching(/\S/)])
  for (const part of [token, ...token.split('.')]) expect(said).not.toContain(part)
}

test.each([
  ['a bearer of a-long-secret-here', ['a-long-secret-here'], 'a bearer of (withheld)'],
  ['a secret1234567 and secret1234567-more', ['secret1234567', 'secret1234567-more'], 'a (withheld) and (withheld)'],
  ["unknown option '--tokn=abcdefgh'", ['--tokn=abcdefgh'], "unknown option '--tokn'"],
  ['short words stay', ['short', 'words'], 'short words stay'],
])('the CLI withholds secrets, but not short words, in the error text "%s"', (text, words, shown) => {
  expect(redact(text, words)).toBe(shown)
})
