import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { explanation } from '../../gateway/admin/explanation-shape.ts'
import type { Explanation } from '../../gateway/explain/explanation.ts'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startIssuer, type TestIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { signingKey } from '../kit/signing-key.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { admitted, identity } from './admission.ts'

// docs/design/contract.md §10: `explain` without a policy file calls a node. The node reports what it would decide
// now, with all its state, and changes no state. explain.test.ts compares the reports with real decisions.

const bootstrap = 'bootstrap-token-of-the-explain-tests-01'
let issuer: TestIssuer
let opaque: IntrospectionIssuer
let orders: TestUpstream
let node: TestNode

beforeAll(async () => {
  const redis = await testRedis()
  issuer = await startIssuer()
  opaque = await startIntrospectionIssuer()
  orders = await startUpstream()
  const { policy, settings, env } = opaqueGate({
    issuer: opaque.url,
    orders: orders.url,
    introspection: { timeout: '20s', cache: '5m' },
  })
  const read = { scopes: { all: ['orders:read'] } }
  const limits = [{ name: 'few', by: 'subject', requests: 3, window: '60s' }]
  node = await startNode({
    policy: {
      ...(policy as { issuers: object }),
      issuers: { ...(policy as { issuers: object }).issuers, jwt: { issuer: issuer.url, audience: [testAudience] } },
      services: {
        orders: {
          upstreams: [orders.url],
          issuers: ['main', 'jwt'],
          routes: [
            { id: 'read', match: { path: '/orders/**', methods: ['GET'] }, require: read },
            { id: 'few', match: { path: '/few/**' }, require: read, limits },
          ],
        },
      },
    },
    settings: {
      ...settings,
      redis: { url: redis.url },
      limits: { address: { per_second: 1, burst: 3 } },
      admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
    },
    env: { ...env, BOOTSTRAP: bootstrap },
  })
})

function call(path: string, body: object): Promise<Response> {
  return fetch(`http://127.0.0.1:${node.adminPort}/api/v1/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bootstrap}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

async function explain(url: string, asked: object = {}): Promise<Explanation> {
  const reply = await call('explain', { method: 'GET', url, ...asked })
  expect(reply.status).toBe(200)
  const document: unknown = await reply.json()
  explanation.parse(document)
  return document as Explanation
}

const gate = () => ({ node, services: [orders] })
const get = (path: string, token: string) =>
  fetch(`http://127.0.0.1:${node.port}${path}`, { headers: { authorization: `Bearer ${token}` } })
const checks = ({ token }: Explanation) =>
  Object.fromEntries(token!.checks.map(({ check, verdict, reason }) => [check, reason ?? verdict]))

test('`gatehouse explain` at a node uses the current issuer keys, and a URL without a host means the own host of the gate', async () => {
  const explained = await explain('/orders/1', { token: issuer.sign(), address: '203.0.113.7' })

  expect(explained).toMatchObject({
    decision: 'admitted',
    signature: 'verified',
    node: expect.stringMatching(/./),
    request: { address: '203.0.113.7' },
    service_receives: { assertion: { sub: 'alice', token_issuer: issuer.url } },
    fault: null,
  })
  expect(explained.service_receives!.fields).toContainEqual({
    name: 'x-forwarded-host',
    value: `127.0.0.1:${node.port}`,
    from: 'gate',
  })
  const forged = await explain('/orders/1', { token: issuer.sign({ key: { ...signingKey('ES256'), kid: 'key-1' } }) })
  expect(forged).toMatchObject({ decision: 'refused', signature: 'failed' })
})

test('after `gatehouse explain` of a request, the gate admits the same request with an assertion of the subject, as if there had been no explain', async () => {
  const token = issuer.sign()
  await explain('/orders/1', { token })

  const { received } = await admitted(gate(), { target: '/orders/1', token })

  expect(await identity(gate(), received)).toMatchObject({ sub: 'alice' })
})

test('`gatehouse explain` at a node reports a revoked token as token-revoked', async () => {
  const token = issuer.sign()
  expect((await explain('/orders/1', { token })).decision).toBe('admitted')
  expect((await call('revocations?wait=all', { kind: 'token', token })).status).toBe(200)

  const explained = await explain('/orders/1', { token })

  expect(explained).toMatchObject({ decision: 'refused', reason: 'token-revoked', reply: { status: 401 } })
  expect(explained.phases.at(-1)).toBe('check-revocation')
})

test('`gatehouse explain` at a node introspects an opaque token at its issuer as a request does', async () => {
  const token = opaque.issue({ sub: 'bob', scope: 'orders:read' })
  const explained = await explain('/orders/1', { token })

  expect(explained).toMatchObject({
    decision: 'admitted',
    signature: null,
    token: { issuer: { issuer: opaque.url }, claims: { subject: 'bob', scopes: ['orders:read'] } },
  })
  expect(checks(explained)).toEqual({ form: 'passed', introspection: 'passed', accepted: 'passed' })
  await explain('/orders/1', { token })
  expect(opaque.askedAbout(token)).toBe(1)
  expect(checks(await explain('/orders/1', { token: 'nobody-knows-it' }))).toMatchObject({
    form: 'passed',
    introspection: 'token-inactive',
  })
})

test('`gatehouse explain` at a node reports an unreachable issuer as a fault with its cause', async () => {
  opaque.script = () => ({ status: 500 })
  try {
    const explained = await explain('/orders/1', { token: 'asked-in-vain' })

    expect(explained).toMatchObject({
      decision: 'failed',
      reason: 'introspection-unavailable',
      reply: { status: 503 },
      fault: expect.stringMatching(/./),
    })
    expect(checks(explained)).toMatchObject({ introspection: 'not reached' })
  } finally {
    opaque.script = undefined
  }
})

test('`gatehouse explain` at a node shows the rate limit counts of the cluster and charges no limit', async () => {
  const subject = `carol-${randomUUID()}`
  const token = issuer.sign({ claims: { sub: subject } })
  const used = async () => (await explain('/few/1', { token })).limits!.map(({ used, requests }) => [used, requests])

  for (const before of [0, 1, 2]) {
    expect(await used()).toEqual([[before, 3]])
    expect(await used()).toEqual([[before, 3]])
    expect((await get('/few/1', token)).status).toBe(200)
  }
  expect(await used()).toEqual([[3, 3]])
  expect((await get('/few/1', token)).status).toBe(429)
  const { stdout } = await runVerb(['explain', 'GET', '/few/1', '--token', '-'], env(), token)
  expect(stdout).toContain(`subject=${subject}: not charged, 3 of 3 used\n`)
})

test('`gatehouse explain` at a node does not charge the address limit for invalid tokens', async () => {
  for (let i = 0; i < 5; i++) {
    const key = { ...signingKey('ES256'), kid: issuer.keys[0]!.kid }
    expect((await explain('/orders/1', { token: issuer.sign({ key }) })).reason).toBe('token-signature')
  }
  expect((await get('/orders/1', issuer.sign())).status).toBe(200)
})

test('a node logs `gatehouse explain` as a call of the admin API without the token, and not as an exchange', async () => {
  const token = issuer.sign({ claims: { sub: 'dave' } })
  await explain('/orders/7?secret=1', { token })
  const line = await node.waitForLine(
    (record) => record['operation'] === 'explain_request' && record['path'] === '/orders/7',
  )

  expect(line).toMatchObject({
    msg: 'admin call',
    status: 200,
    decision: 'admitted',
    reason: 'admitted',
    route: 'read',
  })
  expect((await get('/orders/8', token)).status).toBe(200)
  await node.waitForRecord((record) => record['path'] === '/orders/8')
  expect(node.accessLog().filter((record) => record['path'] === '/orders/7')).toEqual([])
  expect(JSON.stringify(node.log)).not.toContain(token.split('.')[2]!)
  expect(JSON.stringify(node.log)).not.toContain('secret=1')
})

test.each([
  [{ url: 'ftp://x/' }, '/url'],
  [{ url: 'https://user:c0vert@x/' }, '/url'],
  [{ address: 'localhost' }, '/address'],
  [{ fields: [['only a name']] }, '/fields/0'],
  [{ jwks: 'x' }, '/jwks'],
])('the admin API replies 400 to the invalid explain request %j and names the place', async (asked, pointer) => {
  const reply = await call('explain', { method: 'GET', url: '/', ...asked })
  const problem = (await reply.json()) as { errors: { pointer: string }[] }

  expect([reply.status, problem.errors[0]!.pointer.startsWith(pointer)]).toEqual([400, true])
  expect(JSON.stringify(problem)).not.toContain('c0vert')
})

const env = () => ({ GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap })

test('`gatehouse explain` without a policy file calls the node and never prints the token', async () => {
  const token = issuer.sign({ claims: { scope: 'other' } })
  const text = await runVerb(['explain', 'GET', '/orders/1', '--token', '-'], env(), token)
  const json = await runVerb(['explain', 'GET', '/orders/1', '--token', '-', '--output', 'json'], env(), token)

  expect(text.exitCode).toBe(1)
  expect(text.stdout).toMatch(/^refused: 403 insufficient_scope, scope-missing: /)
  expect(text.stdout).toMatch(/policy +revision [0-9a-f]{12}, active on node /)
  expect(text.stdout).not.toContain(token.split('.')[1]!)
  expect(JSON.parse(json.stdout)).toMatchObject({ reason: 'scope-missing', signature: 'verified' })
  expect((await runVerb(['explain', 'GET', '/orders/1', '--token', '-'], env(), issuer.sign())).exitCode).toBe(0)
})

test.each([
  [['--at', '2030-01-31T12:00:00Z'], 2, '--at requires --policy'],
  [['--jwks', 'keys.json'], 2, '--jwks requires --policy'],
  [['--policy', 'policy.yaml', '--admin', 'http://127.0.0.1:9'], 2, 'cannot be used with'],
  [['--address', 'localhost'], 1, 'the address must be'],
])('`gatehouse explain` with %j exits with %i and an error message', async (words, exitCode, message) => {
  const run = await runVerb(['explain', 'GET', '/orders/1', ...words], env())

  expect([run.exitCode, run.stdout]).toEqual([exitCode, ''])
  expect(run.stderr).toContain(message)
})
