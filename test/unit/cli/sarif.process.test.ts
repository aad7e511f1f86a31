// `gatehouse check --output sarif` prints a SARIF 2.1.0 log with the structure that the standard requires (§3.13 to
// §3.30, §3.49).

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { sarifLog } from '../../../gateway/cli/sarif.ts'
import { nowhere, problem, problemCodes } from '../../../gateway/config/problem.ts'
import { runEach } from './run-gatehouse.ts'

const root = mkdtempSync(join(tmpdir(), 'sarif-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const good = `version: 1
services: { a: { upstreams: ["http://a"], credentials: none, routes: [{ id: r, match: { path: /r }, require: public }] } }
`
const goodPath = join(root, 'good.yaml')
const badPath = join(root, 'my policy.yaml')
writeFileSync(goodPath, good)
writeFileSync(badPath, good.replace('require: public', 'requires: public'))

const [valid, invalid, printed] = runEach([
  ['check', goodPath, '--output', 'sarif'],
  ['check', goodPath, badPath, '--output', 'sarif'],
  ['check', goodPath, '--print', '--output', 'sarif'],
])

interface Log {
  readonly version: string
  readonly $schema: string
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly name: string; readonly rules: readonly Rule[] } }
    readonly columnKind: string
    readonly results: readonly Result[]
  }[]
}

interface Rule {
  readonly id: string
  readonly helpUri: string
  readonly shortDescription: { readonly text: string }
}

interface Result {
  readonly ruleId: string
  readonly ruleIndex: number
  readonly level: string
  readonly message: { readonly text: string }
  readonly locations: readonly {
    readonly physicalLocation?: {
      readonly artifactLocation: { readonly uri: string }
      readonly region?: { readonly startLine: number; readonly startColumn: number }
    }
  }[]
}

const runOf = (text: string) => (JSON.parse(text) as Log).runs[0]!

test('`gatehouse check --output sarif` of a valid policy prints a SARIF log without results and exits with 0', () => {
  const log = JSON.parse(valid!.stdout) as Log

  expect(valid).toMatchObject({ status: 0, stderr: '' })
  expect(log).toMatchObject({
    version: '2.1.0',
    $schema: expect.stringContaining('sarif-2.1.0'),
    runs: [{ results: [] }],
  })
})

test('the SARIF log of `gatehouse check` has a rule for every problem code, with a link to the error reference', () => {
  const { rules } = runOf(valid!.stdout).tool.driver

  expect(rules.map(({ id, helpUri, shortDescription }) => [id, helpUri, shortDescription.text])).toEqual(
    Object.entries(problemCodes).map(([code, text]) => [code, `docs/reference/errors.md#${code.toLowerCase()}`, text]),
  )
})

test('`gatehouse check --output sarif` prints each problem as a result with rule and place, and nothing on stderr', () => {
  const { results, tool, columnKind } = runOf(invalid!.stdout)

  expect(invalid).toMatchObject({ status: 1, stderr: '' })
  expect(columnKind).toBe('utf16CodeUnits')
  expect(results.map(({ ruleId }) => ruleId).sort()).toEqual(['GH_CONFIG_UNKNOWN_KEY'])
  for (const { ruleId, ruleIndex, level, message, locations } of results) {
    expect(tool.driver.rules[ruleIndex]!.id).toBe(ruleId)
    expect([level, message.text]).toEqual(['error', expect.stringMatching(/^services\.a\.routes\[0\]\.requires?: /)])
    const [{ physicalLocation }] = locations as [Result['locations'][number]]
    expect(physicalLocation!.artifactLocation.uri).toBe(new URL(`file://${root}/my%20policy.yaml`).href)
    expect(physicalLocation!.region).toEqual({ startLine: 2, startColumn: expect.any(Number) })
  }
})

test('the SARIF log of `gatehouse check` states file paths as relative URIs with escaped characters', () => {
  const log = sarifLog([
    problem('GH_CONFIG_VALUE', 'm', [], { file: 'a b/ü#?.yaml', line: undefined, column: undefined }),
  ]) as Log
  const [location] = log.runs[0]!.results[0]!.locations

  expect(location!.physicalLocation).toEqual({ artifactLocation: { uri: 'a%20b/%C3%BC%23%3F.yaml' } })
})

test('in the SARIF log of `gatehouse check`, a problem without file and line has a location that names the affected key', () => {
  const log = sarifLog([problem('GH_CONFIG_VALUE', 'm', ['a', 0], nowhere)]) as Log

  expect(log.runs[0]!.results[0]!.locations).toEqual([{ logicalLocations: [{ fullyQualifiedName: 'a[0]' }] }])
})

test('the CLI rejects `check --print --output sarif` as wrong usage', () => {
  expect(printed).toMatchObject({ status: 2, stdout: '' })
})
