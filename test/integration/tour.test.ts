import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'

// docs/design/contract.md §13: `demo --check` is the acceptance test of a set-up, so it must not be fooled. `npm run
// demo -- --check` itself is the first of these.

// A tour mostly waits: two at a time, on two cores.
vi.setConfig({ maxConcurrency: 2 })

const checkout = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-tour-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Far from where a person's demo is, and so far apart that the ports of two at once do not meet. */
let offset = 12_000 + (process.pid % 40) * 200

function tour(env: Record<string, string>): Promise<{ code: number; output: string }> {
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

test('the tour of the demo as it is finds every step right', { timeout: 180_000 }, async () => {
  const { code, output } = await tour({})

  expect(output).toContain('steps were right')
  expect(output).not.toContain('✗')
  expect(code).toBe(0)
})

test.concurrent.each([
  [
    'a policy that makes the files public',
    () => ({
      GATEHOUSE_DEMO_POLICY: policyWith((text) =>
        text.replace('require: { scopes: { all: ["files:transfer"] } }', 'require: public'),
      ),
    }),
    'GET, POST, PUT /files/**',
  ],
  [
    'a node that does not authorize',
    () => ({
      GATEHOUSE_DEMO_NODE: join(checkout, 'test/kit/node-without-phase.ts'),
      GATEHOUSE_DEMO_WITHOUT_PHASE: 'authorize',
    }),
    'GET /orders/**',
  ],
  [
    'nodes that acknowledge a revocation and do not look at it',
    () => ({
      GATEHOUSE_DEMO_NODE: join(checkout, 'test/kit/node-without-phase.ts'),
      GATEHOUSE_DEMO_WITHOUT_PHASE: 'check-revocation',
    }),
    'a token, revoked',
  ],
  [
    'services that do not say what reached them',
    () => ({ GATEHOUSE_DEMO_SERVICE: join(checkout, 'test/kit/deaf-services.ts') }),
    'GET /',
  ],
])('the tour is not fooled by %s', { timeout: 180_000 }, async (_, env, step) => {
  const { code, output } = await tour(env())

  expect(code).toBe(1)
  expect(
    output
      .split('\n')
      .filter((line) => line.startsWith('✗'))
      .join('\n'),
  ).toContain(step)
})
