// A policy that is rejected late in its preparation changes nothing. Before the fix, the key sets of the active policy
// were no longer refreshed, so that a withdrawn key stayed trusted.

import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { KeyRing } from '../../gateway/base/key-ring.ts'
import type { SealKey } from '../../gateway/base/sealer.ts'
import { preparePolicy } from '../../gateway/follow-policy.ts'
import { IssuerKeys } from '../../gateway/issuers/issuer-keys.ts'
import { LoginClients } from '../../gateway/issuers/login-clients.ts'
import { Traffic } from '../../gateway/telemetry/traffic.ts'
import { Introspection } from '../../gateway/tokens/introspection.ts'
import { TokenVerifier } from '../../gateway/tokens/verifier.ts'
import { TargetRegistry } from '../../gateway/upstream/target-registry.ts'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { processSecrets } from '../kit/secrets.ts'
import { later } from '../kit/swap.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { problemsOf, snapshotOf } from '../unit/policy/policy-text.ts'

const [issuer, other, upstream] = await Promise.all([startIssuer(), startIssuer(), startUpstream()])
const secret = { file: '/nonexistent/gatehouse-test-secret' }

/** The active policy, which has one issuer, `main`. */
const inForce = policy({ main: { issuer: issuer.url, audience: [testAudience] } })

/**
 * Policies without the issuer `main`. A late step of their preparation fails because a client secret cannot be read.
 */
const rejected = [
  { what: 'login client', entry: { login: { client_id: 'gate', client_secret: secret } } },
  {
    what: 'introspection client',
    entry: { tokens: 'any', introspection: { client_id: 'gate', client_secret: secret } },
  },
].map(({ what, entry }) => ({
  what,
  text: policy({ next: { issuer: other.url, audience: [testAudience], ...entry } }),
}))

function policy(issuers: object): string {
  const routes = [{ id: 'orders', match: { path: '/orders/**' }, require: { scopes: { all: ['orders:read'] } } }]
  return stringify({ version: 1, issuers, services: { orders: { upstreams: [upstream.url], routes } } })
}

function startFollowers() {
  const log = () => {}
  const issuerKeys = new IssuerKeys({ log, refreshMs: 20, cooldownMs: 1 })
  const loginClients = new LoginClients({ keys: issuerKeys, secrets: processSecrets(), log })
  const introspection = new Introspection({
    keys: issuerKeys,
    secrets: processSecrets(),
    encryption: new KeyRing<SealKey>([]),
    link: undefined,
    log,
  })
  const targets = new TargetRegistry()
  atEnd(async () => {
    targets.close()
    await introspection.close()
    await loginClients.close()
    await issuerKeys.close()
  })
  const followers = {
    byIssuer: [issuerKeys, loginClients, introspection],
    byRoute: new Traffic(),
    byService: targets,
    byCredential: { prepare: () => () => {} },
    byEmailList: { prepare: () => () => {} },
  }
  return { followers, issuerKeys, targets }
}

test.each(rejected)(
  'a policy whose $what secret is missing is rejected, and issuer keys of the active policy are still refreshed and withdrawn',
  async ({ text }) => {
    const { followers, issuerKeys, targets } = startFollowers()
    const snapshot = snapshotOf(inForce)
    const { runtime, commit } = preparePolicy(snapshot, followers)
    commit()
    const [key] = issuer.keys
    const verifier = new TokenVerifier({ keys: issuerKeys, cacheEntries: 16, tokenMaxBytes: 8192 })
    const verify = (token: string) => verifier.verify(token, snapshot.issuers, Date.now())
    const token = issuer.sign({ key: key! })
    expect(await verify(token)).toMatchObject({ subject: 'alice' })

    const next = snapshotOf(text)
    expect(problemsOf(() => preparePolicy(next, followers))).toMatchObject([
      { message: expect.stringContaining('gatehouse-test-secret') },
    ])

    expect(issuerKeys.status().map(({ issuer }) => issuer)).toEqual(['main'])
    expect(await verify(token)).toMatchObject({ subject: 'alice' })
    const fetches = issuer.fetches.keys
    await until('the keys of the policy in force are fetched again', () => issuer.fetches.keys > fetches)
    // No token with an unknown key id arrives, so only the periodic refresh can detect that the key is withdrawn.
    issuer.rotate()
    issuer.drop(key!)
    await until('the withdrawn key is rejected', async () => (await verify(token)) === 'token-key-unknown')
    expect(await verify(issuer.sign())).toMatchObject({ subject: 'alice' })

    const [target] = runtime.balancers[0]!.targets
    const [again] = targets.replace(snapshot.services)
    expect(again!.targets[0]).toBe(target)
  },
)

test('a policy that is rejected because a secret is missing changes no issuer keys of the active policy, and the node still admits requests', async () => {
  const node = await startNode({ policy: inForce })
  const admitted = async () => {
    const { status } = await fetch(`http://127.0.0.1:${node.port}/orders/1`, {
      headers: { authorization: `Bearer ${issuer.sign()}` },
    })
    return status
  }
  expect(await admitted()).toBe(200)
  const seen = node.log.length

  node.writePolicy(rejected[1]!.text)

  const line = await later(node, seen, ({ msg }) => msg === 'policy rejected; the policy in force stays active')
  expect(line['problems']).toMatchObject([{ message: expect.stringContaining('gatehouse-test-secret') }])
  const { series } = await readMetrics(node.adminPort)
  expect(series.filter((name) => name.startsWith('gatehouse_issuer_keys{'))).toEqual([
    'gatehouse_issuer_keys{issuer="main"}',
  ])
  expect(await admitted()).toBe(200)
})

test('a policy that was rejected because a secret is missing takes effect when the secret appears', async () => {
  const node = await startNode({ policy: inForce })
  const file = node.folder.file('late-secret')
  const introspection = { client_id: 'gate', client_secret: { file } }
  const next = { issuer: other.url, audience: [testAudience], tokens: 'any', introspection }
  const seen = node.log.length
  const revision = node.writePolicy(policy({ next }))
  await later(node, seen, ({ msg }) => msg === 'policy rejected; the policy in force stays active')

  writeFileSync(file, 'secret-1', { mode: 0o600 })

  await later(node, seen, (line) => line.msg === 'policy changed' && line['revision'] === revision)
  const refused = node.log.slice(seen).filter(({ msg }) => msg === 'policy rejected; the policy in force stays active')
  expect(refused).toHaveLength(1)
})

test('after SIGHUP, a node checks a rejected policy file again and logs the second rejection', async () => {
  const node = await startNode({ policy: inForce })
  const seen = node.log.length
  node.writePolicy(rejected[1]!.text)
  const rejections = () =>
    node.log.slice(seen).filter(({ msg }) => msg === 'policy rejected; the policy in force stays active')
  await until('the policy is rejected', () => rejections().length === 1)

  node.reload()

  await until('the policy is rejected again', () => rejections().length === 2)
})
