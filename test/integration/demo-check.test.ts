import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { programPath } from '../kit/programs.ts'

// `gatehouse demo --check` is the acceptance test of an installation, so it must fail when a part is broken.

const checkout = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-demo-check-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Port offset that does not collide with a demo that a developer runs. The checks are 30 ports apart. */
let offset = 12_000 + (process.pid % 40) * 200

function check(env: Record<string, string>): Promise<{ code: number; output: string }> {
  offset += 30
  const words = [join(checkout, 'gateway/cli/gatehouse.mjs'), 'demo', '--check', '--port-offset', String(offset)]
  const options = { cwd: checkout, env: { ...process.env, ...env }, timeout: 170_000, maxBuffer: 1 << 24 }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, words, options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    )
  })
}

/** Writes a copy of the demo policy in which `/files/**` is public. @returns its path */
function policyWithPublicFiles(): string {
  const original = readFileSync(join(checkout, 'deploy/demo/policy.yaml'), 'utf8')
  const changed = original.replace('require: { scopes: { all: ["files:transfer"] } }', 'require: public')
  expect(changed).not.toBe(original)
  const path = join(folder, 'policy.yaml')
  writeFileSync(path, changed)
  return path
}

test('every step of `demo --check` passes', { timeout: 180_000 }, async () => {
  const { code, output } = await check({})

  expect(output).toContain('steps passed')
  expect(output).not.toContain('✗')
  expect(code).toBe(0)
})

test('`demo --check` fails if its policy makes a route public, and if the nodes check neither scopes nor revocations', {
  timeout: 180_000,
}, async () => {
  const { code, output } = await check({
    GATEHOUSE_DEMO_NODE: programPath('node-without-phase'),
    GATEHOUSE_DEMO_WITHOUT_PHASES: 'authorize,check-revocation',
    GATEHOUSE_DEMO_POLICY: policyWithPublicFiles(),
  })

  expect(code).toBe(1)
  const failed = output.split('\n').flatMap((line) => (line.startsWith('✗') ? [line.slice(12)] : []))
  const titles = ['GET /orders/1', 'POST, PUT', 'GET /reports/2026', 'GET, POST, PUT /files', 'gRPC', 'a revocation']
  for (const title of titles) expect(failed.join('\n')).toContain(title)
})
