import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { runEach } from './run-gatehouse.ts'

const petstore = fileURLToPath(new URL('./imports/petstore.yaml', import.meta.url))
const flags = ['--issuer', 'https://idp.test', '--upstream', 'http://pets.test', '--audience', 'pets']

test('`gatehouse import openapi` prints or writes a policy that `gatehouse check` accepts, and replaces no existing file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'import-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const out = join(folder, 'policy.yaml')
  const [printed, json, written, checked, repeated] = runEach([
    ['import', 'openapi', petstore, ...flags],
    ['import', 'openapi', petstore, ...flags, '--output', 'json'],
    ['import', 'openapi', petstore, ...flags, '--out', out],
    ['check', out],
    ['import', 'openapi', petstore, ...flags, '--out', out],
  ])

  expect(printed!.stdout).toBe(readFileSync(out, 'utf8'))
  expect(printed!.stderr).toBe(written!.stdout)
  expect(printed!.stderr).toMatch(/petstore\.yaml:18:5: paths\.\/user\/login\.get: decide: /)
  expect(Object.keys(JSON.parse(json!.stdout))).toEqual(['policy', 'notes'])
  expect(checked!.stdout).toMatch(/: ok, 1 service, 7 routes, /)
  expect([repeated!.status, repeated!.stderr]).toEqual([1, expect.stringMatching(/exists already .GH_IMPORT_OUT/)])
})
