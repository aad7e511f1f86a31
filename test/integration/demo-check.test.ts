import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { programPath } from '../kit/programs.ts'

// `gatehouse demo --check` is the acceptance test of an installation, so it must fail when a part is broken.

// A run of `demo --check` mostly waits, so two run concurrently on two cores.
vi.setConfig({ maxConcurrency: 2 })

const checkout = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-demo-check-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Port offset that does not collide with a demo that a developer runs. Concurrent checks are 30 ports apart. */
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

function policyWith(change: (text: string) => string): string {
  const original = readFileSync(join(checkout, 'deploy/demo/policy.yaml'), 'utf8')
  const changed = change(original)
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

test.concurrent.each([
  [
    'a policy that makes /files/** public, and nodes that acknowledge a revocation but do not apply it',
    () => ({
      GATEHOUSE_DEMO_NODE: programPath('node-without-phase'),
      GATEHOUSE_DEMO_WITHOUT_PHASE: 'check-revocation',
      GATEHOUSE_DEMO_POLICY: policyWith((text) =>
        text.replace('require: { scopes: { all: ["files:transfer"] } }', 'require: public'),
      ),
    }),
    ['GET, POST, PUT /files/**', 'a token, revoked', 'WebSockets and event streams', 'gRPC demo.Orders/Watch'],
  ],
  [
    'a node that does not authorize',
    () => ({
      GATEHOUSE_DEMO_NODE: programPath('node-without-phase'),
      GATEHOUSE_DEMO_WITHOUT_PHASE: 'authorize',
    }),
    ['GET /orders/**', '/stream/ws and /stream/events', 'gRPC demo.Orders/Get'],
  ],
  [
    'services that do not report received requests',
    () => ({ GATEHOUSE_DEMO_SERVICE: join(checkout, 'test/kit/deaf-services.ts') }),
    ['GET /'],
  ],
])('`demo --check` fails with %s', { timeout: 180_000 }, async (_, env, steps) => {
  const { code, output } = await check(env())

  expect(code).toBe(1)
  const failed = output.split('\n').filter((line) => line.startsWith('✗'))
  for (const step of steps) expect(failed.join('\n')).toContain(step)
})
