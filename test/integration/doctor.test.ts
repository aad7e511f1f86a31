import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Finding } from '../../gateway/doctor/finding.ts'
import { startLoginGate } from '../kit/login-gate.ts'
import { loginClient } from '../kit/login-provider.ts'
import { freePort } from '../kit/ports.ts'
import { runVerb } from '../kit/run-verb.ts'

// `gatehouse doctor` against a real issuer, Redis and services: each line is ok, failed or unknown.

const bootstrap = 'bootstrap-token-for-tests-0123456789abcdef'
const admin = `127.0.0.1:${freePort()}`
const gate = await startLoginGate({
  settings: { admin: { listen: admin, bootstrap_token: { env: 'TEST_BOOTSTRAP' } } },
  env: { TEST_BOOTSTRAP: bootstrap },
})
const env = { GATEHOUSE_ADMIN_URL: `http://${admin}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }

function findingsOf({ stdout }: Awaited<ReturnType<typeof runVerb>>): Finding[] {
  return (JSON.parse(stdout) as { readonly findings: Finding[] }).findings
}

const named = (findings: readonly Finding[], check: string) => findings.filter((each) => each.check === check)

test('a node with a working issuer, Redis and services has no failed check, and a second call gets the same run', async () => {
  const [first, second] = await Promise.all([1, 2].map(() => runVerb(['doctor', '--output', 'json'], env)))
  const findings = findingsOf(first!)

  expect(findings.filter(({ result }) => result === 'failed')).toEqual([])
  expect(first!.exitCode).toBe(0)
  expect(JSON.parse(second!.stdout).started_at).toBe(JSON.parse(first!.stdout).started_at)
  for (const check of [
    'files',
    'redis',
    'redis-commands',
    'discovery',
    'keys',
    'client-secret',
    'redirect-uri',
    'upstream',
    'clock',
  ]) {
    expect(
      named(findings, check).map(({ result }) => result),
      check,
    ).toContain('ok')
  }
  expect(named(findings, 'redirect-uri')).toMatchObject([
    { subject: `issuer main ${gate.url}/.gatehouse/callback`, result: 'ok', detail: 'the issuer redirects to it' },
  ])
  expect(first!.stdout + first!.stderr).not.toContain(loginClient.secret)
})

test('`gatehouse doctor --config` reports each broken dependency with a remedy, exits with 1, and prints no secret', async () => {
  const { policy, settings } = gate.options
  const secrets = ['wrong-secret-of-the-gate-0123456789', 'wrong-password-of-redis-0123456789']
  const broken = structuredClone(policy) as {
    services: Record<string, { upstreams: string[] }>
    issuers: Record<string, { login: object }>
  }
  broken.services['orders']!.upstreams = [`http://127.0.0.1:${freePort()}`]
  Object.assign(broken.issuers['main']!.login, { client_secret: { env: 'TEST_LOGIN_SECRET' } })
  const folder = gate.node.folder.file('.')
  writeFileSync(join(folder, 'broken-policy.yaml'), JSON.stringify(broken))
  const config = join(folder, 'broken.yaml')
  const redis = { ...(settings!['redis'] as object), username: 'gate', password: { env: 'TEST_PASSWORD' } }
  const { listen: _, reuse_port: __, ...kept } = settings!
  writeFileSync(
    config,
    JSON.stringify({
      ...kept,
      public_url: 'https://other.example',
      policy: { path: 'broken-policy.yaml' },
      redis,
      admin: {},
    }),
  )

  const run = await runVerb(['doctor', '--config', config, '--output', 'json'], {
    ...gate.options.env,
    TEST_LOGIN_SECRET: secrets[0]!,
    TEST_PASSWORD: secrets[1]!,
  })
  const findings = findingsOf(run)

  expect(run.exitCode).toBe(1)
  expect(named(findings, 'redis')).toMatchObject([{ subject: 'connection', result: 'failed' }, { result: 'unknown' }])
  expect(named(findings, 'client-secret')).toMatchObject([
    { subject: 'issuers.main.login', result: 'failed', remedy: expect.stringContaining('issuers.main.login') },
  ])
  expect(named(findings, 'redirect-uri').map(({ result }) => result)).not.toContain('ok')
  expect(named(findings, 'upstream')).toContainEqual(
    expect.objectContaining({
      subject: `orders ${broken.services['orders']!.upstreams[0]}`,
      result: 'failed',
      detail: expect.stringContaining('ECONNREFUSED'),
    }),
  )
  expect(named(findings, 'discovery')).toMatchObject([{ result: 'ok' }])
  for (const { result, remedy } of findings) expect(remedy === null).toBe(result === 'ok')
  for (const secret of secrets) expect(run.stdout + run.stderr).not.toContain(secret)
})

test.each([
  ['before the first start of a cluster', 'redis', 'ok', 'the cluster has no policy yet; policy.seed is checked'],
  ['without Redis', 'none', 'unknown', 'the policy of the cluster cannot be read'],
])('`gatehouse doctor --config` %s checks the issuers and upstreams of policy.seed', async (_, at, result, detail) => {
  const { policy, settings } = gate.options
  const folder = gate.node.folder.file('.')
  const config = join(folder, `seed-${at}.yaml`)
  writeFileSync(join(folder, 'seed.yaml'), JSON.stringify(policy))
  const { listen: __, reuse_port: ___, ...kept } = settings!
  const redis =
    at === 'redis'
      ? { ...(settings!['redis'] as object), prefix: 'before-first-start:' }
      : { url: `redis://127.0.0.1:${freePort()}` }
  const keys = { ...(settings!['keys'] as object), policy: [{ id: 'p1', secret: { env: 'TEST_POLICY_KEY' } }] }
  const clustered = { source: 'cluster', seed: 'seed.yaml', copy: join(folder, `seed-${at}.copy`) }
  writeFileSync(config, JSON.stringify({ ...kept, policy: clustered, redis, keys, admin: {} }))

  const run = await runVerb(['doctor', '--config', config, '--output', 'json'], {
    ...gate.options.env,
    TEST_POLICY_KEY: randomBytes(32).toString('base64url'),
  })
  const findings = findingsOf(run)

  expect(named(findings, 'files')[0]).toMatchObject({
    subject: 'policy',
    result,
    detail: expect.stringContaining(detail),
  })
  expect(named(findings, 'discovery')).toMatchObject([{ subject: 'issuer main', result: 'ok' }])
  expect(named(findings, 'upstream').length).toBeGreaterThan(0)
})

test('`gatehouse doctor` without a node at the admin URL exits with 3 and names --admin', async () => {
  const run = await runVerb(['doctor', '--admin', `http://127.0.0.1:${freePort()}`], env)

  expect(run.exitCode).toBe(3)
  expect(run.stderr).toContain('--admin URL')
})
