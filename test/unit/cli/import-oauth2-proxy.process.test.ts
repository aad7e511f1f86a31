import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { runEach } from './run-gatehouse.ts'

const config = fileURLToPath(new URL('./imports/keycloak.cfg', import.meta.url))

test('`gatehouse import oauth2-proxy` writes settings and a policy that `gatehouse check` accepts, and replaces no existing file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'import-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [out, settings] = [join(folder, 'policy.yaml'), join(folder, 'gatehouse.yaml')]
  const words = ['import', 'oauth2-proxy', config, '--out', out, '--settings', settings]
  const [written, checked, repeated, json] = runEach([
    words,
    ['check', out, '--strict'],
    words,
    [...words.slice(0, 3), '-o', 'json'],
  ])

  expect(written).toMatchObject({ status: 0, stderr: '' })
  expect(written!.stdout).toMatch(/keycloak\.cfg:2:1: http_address: mapped: settings: listen\n/)
  expect(checked!.stdout).toMatch(/: ok, 1 service, 1 route, /)
  expect(parse(readFileSync(settings, 'utf8'))).toMatchObject({
    policy: { path: 'policy.yaml' },
    listen: '0.0.0.0:4180',
  })
  expect([repeated!.status, repeated!.stderr]).toEqual([1, expect.stringMatching(/exists already .GH_IMPORT_OUT/)])
  expect(Object.keys(JSON.parse(json!.stdout))).toEqual(['policy', 'settings', 'notes'])
})
