import { writeFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { foundEpoch, maxStalenessMs, startNodeProcesses } from '../kit/node-cluster.ts'
import { NodeFolder } from '../kit/node-folder.ts'
import { NodeProcess } from '../kit/node-process.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { startUpstream } from '../kit/upstream.ts'

// Operators inspect a cluster and revoke credentials with the admin API and the command line (docs/design/contract.md
// §8, §10, §11).

const bootstrap = 'bootstrap-token-of-the-cluster-tests-01'
const bearer = { GATEHOUSE_ADMIN_TOKEN: bootstrap }

let issuer: TestIssuer
let other: TestIssuer
let nodes: NodeProcess[]
let redis: Awaited<ReturnType<typeof testRedis>>

beforeAll(async () => {
  redis = await testRedis()
  await foundEpoch(await testLink(redisSettingsFor(redis.port)))
  issuer = await startIssuer()
  other = await startIssuer()
  const upstream = await startUpstream()
  const policy = testPolicy({ issuer: issuer.url, orders: upstream.url, ordersEntry: { issuers: ['main', 'other'] } })
  Object.assign((policy as { issuers: object }).issuers, {
    other: { issuer: other.url, audience: ['https://api.test'] },
  })
  const folder = new NodeFolder()
  atEnd(() => folder.remove())
  writeFileSync(folder.file('admin-token'), bootstrap, { mode: 0o600 })
  const admin = {
    listen: '127.0.0.1:0',
    issuer: { issuer: issuer.url, audience: ['https://admin.test'] },
    bootstrap_token: { file: folder.file('admin-token') },
  }
  nodes = await startNodeProcesses({ nodes: 2, policy, redis: { url: redis.url }, settings: { admin } })
})

const envOf = (node: NodeProcess) => ({ GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, ...bearer })
const run = (words: readonly string[], input = '') => runVerb(words, envOf(nodes[0]!), input)

function call(node: NodeProcess, target: string, body?: object, token = bootstrap): Promise<RawReply> {
  const sent =
    body === undefined
      ? {}
      : { method: 'POST', fields: [['Content-Type', 'application/json']] as const, body: JSON.stringify(body) }
  return request(node.adminPort, requestBytes({ target, host: 'localhost', token, ...sent }))
}

const documentOf = (reply: RawReply) => JSON.parse(reply.text) as Record<string, unknown>

/** Sends a request with the token to each node. @returns the status codes in the order of the nodes */
function statuses(token: string): Promise<number[]> {
  return Promise.all(
    nodes.map(async ({ port }) => (await request(port, requestBytes({ target: '/orders/1', token }))).status),
  )
}

test('`gatehouse nodes` lists every node of the cluster, whichever node receives the call', async () => {
  const listed = expect.objectContaining({
    id: 'n1',
    address: `127.0.0.1:${nodes[0]!.port}`,
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    revision: expect.stringMatching(/^[0-9a-f]{12}$/),
    position: expect.stringMatching(/^\d+-\d+$/),
    lag_ms: expect.any(Number),
    heard_ms: expect.any(Number),
  })
  for (const node of nodes) {
    const { exitCode, stdout } = await runVerb(['nodes', '--output', 'json'], envOf(node))
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ nodes: [listed, expect.objectContaining({ id: 'n2' })] })
  }
  const { stdout } = await run(['nodes'])
  expect(stdout).toMatch(
    /^ID +ADDRESS +VERSION +REVISION +POSITION +LAG +HEARD\nn1 +127\.0\.0\.1:\d+ .* \d+ ms +\d+\.\d s ago\nn2 .*\n$/,
  )
})

test('/status and /metrics of a node show contact with Redis, whether the state of the cluster is loaded (`caught_up`), and max_staleness (`bound_ms`)', async () => {
  const status = documentOf(await call(nodes[0]!, '/status'))
  expect(status['cluster']).toMatchObject({ in_contact: true, caught_up: true, bound_ms: maxStalenessMs })
  const metrics = await readMetrics(nodes[0]!.adminPort)
  expect(metrics.sum('gatehouse_cluster_in_contact')).toBe(1)
  expect(metrics.sum('gatehouse_cluster_caught_up')).toBe(1)
  expect(metrics.sum('gatehouse_cluster_bound_seconds')).toBe(maxStalenessMs / 1000)
  expect(metrics.sum('gatehouse_cluster_age_seconds')).toBeLessThan(maxStalenessMs / 1000)
})

test('`gatehouse revoke` with a token on stdin revokes the token on every node, exits with 0, and prints a receipt with all nodes', async () => {
  const token = issuer.sign()
  expect(await statuses(token)).toEqual([200, 200])

  const { exitCode, stdout } = await run(['revoke', '--token', '-', '--reason', 'stolen', '--wait=all'], `${token}\n`)
  expect(await statuses(token)).toEqual([401, 401])
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^NODE +STATE +AFTER\nn[12] +acknowledged +\d+ ms\nn[12] +acknowledged +\d+ ms\n\n/)
  expect(stdout).toContain('No node admits the revoked tokens any more.')
  expect((await readMetrics(nodes[1]!.adminPort)).sum('gatehouse_revocations')).toBeGreaterThan(0)

  const line = await nodes[0]!.waitForLine(({ operation }) => operation === 'revoke')
  expect(line).toMatchObject({ status: 200, who: 'bootstrap', order: { kind: 'token', reason: 'stolen' }, missing: [] })
  const log = JSON.stringify(nodes.map((node) => node.log))
  expect(log).not.toContain(token)
  expect(log).not.toContain(token.split('.')[2])
})

test.each([
  ['subject', true],
  ['jti', false],
])(
  'the receipt of `gatehouse revoke --%s` says whether tokens of the next seconds are revoked too: %s',
  async (kind, isSaid) => {
    const { exitCode, stdout } = await run(['revoke', `--${kind}`, 'absent', '--issuer', 'main'])

    expect(exitCode).toBe(0)
    expect(stdout.includes('Also revoked: tokens that the issuer grants in the next seconds')).toBe(isSaid)
  },
)

test.each([
  ['jti', { jti: 'j-1' }, 'j-1'],
  ['session', { sid: 's-1' }, 's-1'],
  ['subject', { sub: 'erna' }, 'erna'],
  ['client', { client_id: 'kiosk' }, 'kiosk'],
])(
  '`gatehouse revoke --%s` needs `--issuer` with two issuers in the policy, and revokes only tokens of the named issuer',
  async (kind, claims, id) => {
    const iat = Math.floor(Date.now() / 1000) - 30
    const [token, sameElsewhere, another] = [
      issuer.sign({ claims: { ...claims, iat } }),
      other.sign({ claims: { ...claims, iat } }),
      issuer.sign({ claims: { sub: `not-${kind}`, client_id: `not-${kind}` } }),
    ]
    const withoutIssuer = await run(['revoke', `--${kind}`, id, '--output', 'json'])
    expect(withoutIssuer.exitCode).toBe(1)
    expect(JSON.parse(withoutIssuer.stderr)).toMatchObject({ code: 'GH_ADMIN_REVOCATION_ISSUER_NEEDED' })

    const { exitCode, stdout } = await run([
      'revoke',
      `--${kind}`,
      id,
      '--issuer',
      'main',
      '--wait=all',
      '--output',
      'json',
    ])
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      acknowledged: [{ node: expect.any(String), ms: expect.any(Number) }, expect.anything()],
      missing: [],
      max_staleness_ms: maxStalenessMs,
      fenced_by: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    })
    expect(await statuses(token)).toEqual([401, 401])
    expect(await statuses(sameElsewhere)).toEqual([200, 200])
    expect(await statuses(another)).toEqual([200, 200])
  },
)

test('`gatehouse revoke --issuer URL --before TIME` revokes the tokens that this issuer issued before this time, and no later tokens', async () => {
  const iat = Math.floor(Date.now() / 1000) - 120
  const [older, newer] = [other.sign({ claims: { iat } }), other.sign()]
  const before = new Date((iat + 30) * 1000).toISOString()

  expect(await run(['revoke', '--issuer', other.url, '--before', before, '--wait=all'])).toMatchObject({ exitCode: 0 })
  expect(await statuses(older)).toEqual([401, 401])
  expect(await statuses(newer)).toEqual([200, 200])
})

test.each([
  [{ kind: 'jti', id: 'x', issuer: 'nobody' }, 400, 'revocation_issuer_unknown'],
  [{ kind: 'jti', id: 'x' }, 400, 'revocation_issuer_needed'],
  [{ kind: 'issuer', issuer: 'main', before: '2099-01-01T00:00:00Z' }, 400, 'revocation_in_future'],
])(
  'the admin API rejects the revocation %j with %d %s, an explanation (`detail`) and a hint',
  async (order, status, code) => {
    const reply = await call(nodes[0]!, '/api/v1/revocations?wait=all', order)
    expect(reply.status).toBe(status)
    expect(documentOf(reply)).toMatchObject({ code, detail: expect.any(String), hint: expect.any(String) })
  },
)

test("the admin API rejects the access token of an administrator after a revocation of the administrator's subject", async () => {
  const olga = issuer.sign({ claims: { sub: 'olga', aud: 'https://admin.test', scope: 'gatehouse:read' } })
  expect((await call(nodes[1]!, '/status', undefined, olga)).status).toBe(200)

  const order = { kind: 'subject', id: 'olga', issuer: 'main', reason: 'left' }
  expect((await call(nodes[0]!, '/api/v1/revocations?wait=all', order)).status).toBe(200)
  const refused = await call(nodes[1]!, '/status', undefined, olga)
  expect([refused.status, documentOf(refused)['code']]).toEqual([401, 'invalid_token'])
})

test('if a node does not acknowledge a revocation, the receipt lists the node as missing (202, exit code 4) and states from when this node rejects the token', async () => {
  const [token, another] = [issuer.sign(), issuer.sign()]
  nodes[1]!.signal('SIGSTOP')
  try {
    const reply = await call(nodes[0]!, '/api/v1/revocations', { kind: 'token', token })
    expect(reply.status).toBe(202)
    // Without ?wait the admin API replies before nodes acknowledge. So `missing` can also list the node that
    // received the call, here n2.
    expect(documentOf(reply)['missing']).toContain('n2')

    const { exitCode, stdout } = await run(['revoke', '--token', another, '--wait=all'])
    expect(exitCode).toBe(4)
    expect(stdout).toMatch(/^n1 +acknowledged +\d+ ms$/m)
    expect(stdout).toMatch(/^n2 +missing +-$/m)
    expect(stdout).toMatch(
      /1 node has not acknowledged within \d+\.\d s; all nodes reject the revoked tokens from \d{4}-\d\d-\d\dT/,
    )
  } finally {
    nodes[1]!.signal('SIGCONT')
  }
  // Until it receives the event, a node that was suspended for less than `max_staleness` admits the token. The receipt
  // lists it as missing for this reason.
  for (const revoked of [token, another]) await expect.poll(() => statuses(revoked)).toEqual([401, 401])
  await expect.poll(() => statuses(issuer.sign())).toEqual([200, 200])
})

test.each([
  ['--wait=100ms', 'missing'],
  ['--no-wait', 'not heard yet'],
])(
  'with %s, `gatehouse revoke` prints a node that does not acknowledge as `%s` and exits with 4',
  async (words, state) => {
    const link = await testLink(redisSettingsFor(redis.port))
    const { members, memberFacts } = link.keys
    // A member that never acknowledges, with a lease that does not expire during the test.
    await link.store.call('ZADD', members, Date.now() + 600_000, 'silent~1')
    const facts = { id: 'silent', version: '0.0.9', bound_ms: 60_000 }
    await link.store.call('HSET', memberFacts, 'silent~1', JSON.stringify(facts))

    const { exitCode, stdout } = await run(['revoke', '--jti', 'x', '--issuer', 'main', words])
    expect(stdout).toMatch(new RegExp(`^silent +${state} +-$`, 'm'))
    expect(exitCode).toBe(4)
    const json = await run(['revoke', '--jti', 'x', '--issuer', 'main', words, '--output', 'json'])
    expect(JSON.parse(json.stdout)).toMatchObject({
      missing: expect.arrayContaining(['silent']),
      waited_ms: expect.any(Number),
    })
    expect(json.exitCode).toBe(4)

    await link.store.call('ZREM', members, 'silent~1')
  },
)

test.each(['--wait=6m', '--wait=2', '--wait=none'])('`gatehouse revoke` with %s is a usage error', async (words) => {
  const { exitCode, stderr } = await run(['revoke', '--jti', 'x', words])
  expect(exitCode).toBe(2)
  expect(stderr).toContain('--wait must be all, or a duration')
})

test('after Redis loses the member list, a revocation receipt still lists a suspended node as missing (202)', async () => {
  const token = issuer.sign()
  await expect.poll(() => statuses(token)).toEqual([200, 200])
  expect(documentOf(await call(nodes[0]!, '/api/v1/nodes'))['nodes']).toHaveLength(2)
  const { store } = await testLink(redisSettingsFor(redis.port))
  nodes[1]!.signal('SIGSTOP')
  try {
    await store.call('FLUSHALL')
    const reply = await call(nodes[0]!, '/api/v1/revocations?wait=all', { kind: 'token', token })
    expect(reply.status).toBe(202)
    expect(documentOf(reply)).toMatchObject({
      missing: expect.arrayContaining(['n2']),
      max_staleness_ms: maxStalenessMs,
    })
  } finally {
    nodes[1]!.signal('SIGCONT')
  }
  // A node that was suspended for less than `max_staleness` admits the token until it has the restored log.
  await expect.poll(() => statuses(token)).toEqual([401, 401])
  await expect.poll(() => statuses(issuer.sign())).toEqual([200, 200])
  await expect
    .poll(async () => (await call(nodes[0]!, '/api/v1/revocations?wait=all', { kind: 'token', token })).status)
    .toBe(200)
})

test('`gatehouse nodes accept-loss` releases a node that waits after a Redis data loss; a node without a loss rejects the command', async () => {
  expect(await run(['nodes', 'accept-loss'])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('GH_ADMIN_NOTHING_LOST'),
  })
  const folder = new NodeFolder()
  atEnd(() => folder.remove())
  writeFileSync(folder.file('epoch'), 'former-epoch\n')
  const waiting = new NodeProcess({
    policy: testPolicy({ issuer: issuer.url, orders: 'http://127.0.0.1:1' }),
    settings: {
      node: { id: 'waiting' },
      redis: { url: redis.url },
      admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
      revocation: { epoch_file: folder.file('epoch') },
    },
    env: { BOOTSTRAP: bootstrap },
  })
  atEnd(() => waiting.remove())
  const ready = waiting.ready()
  const status = async () =>
    (await request(waiting.adminPort, requestBytes({ target: '/readyz', host: 'localhost' }))).status
  const lost = waiting.waitForLine(({ msg }) => String(msg).startsWith('Redis has lost its data'))
  // If the node becomes ready before it logs the data loss, the next check fails.
  await Promise.race([lost, ready])
  expect(await status()).toBe(503)
  const accepted = await runVerb(['nodes', 'accept-loss', '--output', 'json'], envOf(waiting))
  expect(accepted).toMatchObject({ exitCode: 0, stdout: '{"accepted":true}\n' })
  await waiting.waitForLine(({ operation, status }) => operation === 'accept_loss' && status === 200)
  await ready
  expect(await waiting.stop()).toBe(0)
})

test('while Redis is unavailable, the admin API replies 503, the CLI exits with 3, and /status still works', async () => {
  await redis.stop()
  const reply = await call(nodes[0]!, '/api/v1/revocations', { kind: 'jti', id: 'x', issuer: 'main' })
  expect(reply.status).toBe(503)
  expect(documentOf(reply)).toMatchObject({ code: 'unavailable', detail: expect.stringContaining('redis') })
  expect(reply.field('retry-after')).toBe('1')
  expect(await run(['nodes'])).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('GH_ADMIN_UNAVAILABLE') })

  await expect
    .poll(async () => (documentOf(await call(nodes[0]!, '/status'))['cluster'] as { in_contact: boolean }).in_contact)
    .toBe(false)
  expect((await readMetrics(nodes[0]!.adminPort)).sum('gatehouse_cluster_in_contact')).toBe(0)
})
