import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNodeProcess } from '../kit/node.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import type { NodeOptions } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { startWorker, type TestWorker } from '../kit/worker.ts'

// The nodes of a cluster introspect an opaque token once per cache period, workers refresh the result early, and Redis
// stores it encrypted. The tests depend on each other: the first ones run without workers, the later ones with two.

/**
 * Cache period of introspection replies, in ms. Workers refresh in the second half of the period, which must be long
 * enough on a busy machine.
 */
const cacheMs = 4000

let issuer: IntrospectionIssuer
let orders: TestUpstream
let redisPort: number
let four: NodeProcess[]
let two: NodeProcess[]
let both: TestWorker[]

beforeAll(async () => {
  issuer = await startIntrospectionIssuer()
  orders = await startUpstream()
  redisPort = (await testRedis()).port
  four = await nodes(4, options('main:'))
  two = four.slice(0, 2)
})

function options(prefix: string, more: Partial<Parameters<typeof opaqueGate>[0]> = {}): NodeOptions {
  return opaqueGate({
    issuer: issuer.url,
    orders: orders.url,
    redisPort,
    prefix,
    introspection: { cache: `${cacheMs}ms`, stale: '5s', negative_cache: '30s', timeout: '5s', rate: 1000 },
    ...more,
  })
}

const nodes = (count: number, base: NodeOptions): Promise<NodeProcess[]> =>
  Promise.all(
    Array.from({ length: count }, (_, i) =>
      startNodeProcess({ ...base, settings: { ...base.settings, node: { id: `node-${i + 1}` } } }),
    ),
  )

const workers = (count: number, base: NodeOptions): Promise<TestWorker[]> =>
  Promise.all(Array.from({ length: count }, () => startWorker(base)))

const send = (node: NodeProcess, token: string) => request(node.port, requestBytes({ target: '/orders/1', token }))

/**
 * Sends a request with one of the tokens to each node every 100 ms, for `forMs` ms. @returns the number of replies per
 * status
 */
async function use(
  all: readonly NodeProcess[],
  tokens: readonly string[],
  forMs: number,
): Promise<Map<number, number>> {
  const statuses = new Map<number, number>()
  const endMs = performance.now() + forMs
  for (let i = 0; performance.now() < endMs; i++) {
    const replies = await Promise.all(all.map((node, n) => send(node, tokens[(i + n) % tokens.length]!)))
    for (const { status } of replies) statuses.set(status, (statuses.get(status) ?? 0) + 1)
    await sleep(100)
  }
  return statuses
}

/** Longest time in milliseconds that a request spent in the gate itself, according to the access logs of the nodes. */
function slowestMs(all: readonly NodeProcess[], from: readonly number[]): number {
  return Math.max(
    ...all.flatMap((node, i) =>
      node
        .accessLog()
        .slice(from[i])
        .map(({ gate_ms }) => Number(gate_ms)),
    ),
  )
}

/** Sends `perNode` requests with `token`, which no node has seen before, to each of the four nodes. */
async function expectOneIntrospection(token: string, perNode: number, status: number): Promise<void> {
  const replies = await Promise.all(four.flatMap((node) => Array.from({ length: perNode }, () => send(node, token))))
  expect(replies.filter((reply) => reply.status !== status)).toEqual([])
  expect(issuer.askedAbout(token)).toBe(1)
}

test('35 concurrent first requests with one opaque token at each of 4 nodes cause one introspection', async () => {
  issuer.delayMs = 300
  await expectOneIntrospection(issuer.issue(), 35, 200)
  issuer.delayMs = 0
})

test('concurrent first requests with an opaque token that the issuer does not know, one at each of 4 nodes, cause one introspection', async () => {
  await expectOneIntrospection(randomUUID(), 1, 401)
})

test('if a node dies during an introspection, another node introspects the same token and admits the request', async () => {
  const [, , other, dying] = four
  const token = issuer.issue()
  issuer.script = (asked) => (asked.token === token && issuer.askedAbout(token) === 1 ? { silent: true } : undefined)
  void send(dying!, token).catch(() => {})
  await until('the issuer has received an introspection', () => issuer.askedAbout(token) > 0)
  await dying!.kill()

  expect((await send(other!, token)).status).toBe(200)
  expect(issuer.askedAbout(token)).toBe(2)
  issuer.script = undefined
})

test('without workers, nodes introspect a token at most once per cache period, and some requests wait for the introspection', async () => {
  issuer.delayMs = 200
  // A node whose call to Redis misses its deadline introspects the token itself. In that case the test tries again.
  await until('the token is introspected at most once per period', introspectedOncePerPeriod, 100_000)
  issuer.delayMs = 0
})

async function introspectedOncePerPeriod(): Promise<boolean> {
  const token = issuer.issue()
  const startedAt = performance.now()
  await use(two, [token], 600)
  const from = two.map((node) => node.accessLog().length)
  const statuses = await use(two, [token], 2 * cacheMs + 300)
  const periods = Math.floor((performance.now() - startedAt) / cacheMs) + 1

  expect([...statuses.keys()]).toEqual([200])
  expect(issuer.askedAbout(token)).toBeGreaterThan(1)
  await expect.poll(() => slowestMs(two, from)).toBeGreaterThan(150)
  return issuer.askedAbout(token) <= periods
}

test('workers introspect tokens that are in use again before a node has to, and do not introspect an unused token again', {
  timeout: 300_000,
}, async () => {
  both = await workers(2, options('main:'))

  // On a busy machine a worker can be late, and a node introspects the token itself. The test tries again until workers
  // make all introspections.
  await expect.poll(introspectionsByNodes, { timeout: 200_000 }).toBe(0)
})

/** Uses five tokens for three cache periods. @returns the number of introspections that no worker made */
async function introspectionsByNodes(): Promise<number> {
  const tokens = Array.from({ length: 5 }, () => issuer.issue())
  const idle = issuer.issue()
  await Promise.all(two.flatMap((node) => [...tokens, idle].map((token) => send(node, token))))
  const active = () => both.flatMap(({ done }) => done).filter((result) => result === 'active').length
  issuer.delayMs = 200
  const before = { asked: issuer.asked.length, active: active() }
  const startedAt = performance.now()
  const statuses = await use(two, tokens, 3 * cacheMs)
  expect([...statuses.keys()]).toEqual([200])
  await sleep(1000)
  const elapsedMs = performance.now() - startedAt
  issuer.delayMs = 0
  const asked = issuer.asked.slice(before.asked)
  expect(asked.length).toBeGreaterThanOrEqual(tokens.length * 3)
  for (const token of tokens) {
    // Workers refresh a token from the middle of its cache period on. A late refresh also delays the next refresh.
    const most = Math.floor(elapsedMs / (cacheMs / 2)) + 1
    expect(asked.filter((each) => each.token === token).length).toBeLessThanOrEqual(most)
  }
  // Workers do not refresh a token that is not used.
  expect(issuer.askedAbout(idle)).toBe(1)
  return asked.length - (active() - before.active)
}

test('after the issuer revokes a token, a worker revokes it on every node, and all nodes reject it within the cache period', async () => {
  // On a busy machine a worker can be late, and a node introspects the token itself. In that case the test tries again
  // with another token.
  await until('a worker revokes a token before a node introspects it', revokedByWorker, 100_000)
})

/** Revokes a token at the issuer. @returns whether a worker had revoked the token when each node first rejected it */
async function revokedByWorker(): Promise<boolean> {
  const token = issuer.issue()
  await use(two, [token], 300)
  issuer.revoke(token)
  const from = two.map((node) => node.accessLog().length)
  const revokedMs = performance.now()
  await use(two, [token], cacheMs + 200)
  expect(performance.now() - revokedMs).toBeGreaterThan(cacheMs)

  expect((await Promise.all(two.map((node) => send(node, token)))).map(({ status }) => status)).toEqual([401, 401])
  const first = () =>
    two.map((node, i) =>
      node
        .accessLog()
        .slice(from[i])
        .find(({ status }) => status === 401),
    )
  await until('both logs have a rejected request', () => first().every((record) => record !== undefined))
  const byWorker = first().every((record) => record!['reason'] === 'token-revoked')
  if (byWorker) await until('a worker logs the end', () => both.some(({ done }) => done.includes('ended')))
  return byWorker
}

test('while the issuer replies 503 to introspections, workers retry and nodes admit requests by the last introspection response', async () => {
  const token = issuer.issue()
  await use(two, [token], 300)
  issuer.script = () => ({ status: 503, body: '' })
  const statuses = await use(two, [token], cacheMs + 2000)

  expect([...statuses.keys()]).toEqual([200])
  await expect.poll(() => both.flatMap(({ log }) => log).map(({ msg }) => msg)).toContain('job failed')
  issuer.script = undefined
  expect([...(await use(two, [token], 2500)).keys()]).toEqual([200])
})

test('no Redis key, hash, string or stream contains an opaque token or its introspected subject in clear text', async () => {
  const tokens = Array.from({ length: 5 }, () => issuer.issue({ sub: 'a-subject-to-be-seen' }))
  await use(two, tokens, cacheMs)

  const link = await testLink(redisSettingsFor(redisPort))
  const keys = (await link.store.call('KEYS', '*main*')) as string[]
  expect(keys.filter((key) => key.startsWith('main:{i')).length).toBeGreaterThanOrEqual(tokens.length)
  expect(keys.filter((key) => key.startsWith('{main:introspect}')).length).toBeGreaterThan(3)
  for (const key of keys) {
    const type = String(await link.store.call('TYPE', key))
    const read = { hash: ['HGETALL', key], string: ['GET', key], stream: ['XRANGE', key, '-', '+'] }[type]
    const text = `${key} ${JSON.stringify(read === undefined ? [] : await link.store.call(read[0]!, ...read.slice(1)))}`
    for (const secret of [...tokens, 'a-subject-to-be-seen']) expect(text).not.toContain(secret)
    // Introspection entries must expire (PTTL is not -1). Some entries may have expired by now (-2).
    if (key.startsWith('main:{i')) expect(Number(await link.store.call('PTTL', key))).not.toBe(-1)
  }
})

test('a stopping worker finishes its introspection job, and the next worker introspects the token', async () => {
  const token = issuer.issue()
  await use(two, [token], 200)
  issuer.delayMs = 500
  const asked = issuer.asked.length
  const using = use(two, [token], cacheMs)
  await until('the issuer has received an introspection', () => issuer.asked.length > asked)
  const done = both.flatMap((worker) => worker.done).length
  expect(await Promise.all(both.map((worker) => worker.stop()))).toEqual([0, 0])
  await using
  issuer.delayMs = 0

  await expect.poll(() => both.flatMap((worker) => worker.done).length).toBe(done + 1)
  const next = await startWorker(options('main:'))
  await until('the next worker has introspected the token', async () => {
    await use(two, [token], 200)
    return next.done.includes('active')
  })
})

test('after workers are killed during jobs and Redis restarts, a new worker introspects the tokens again', {
  timeout: 240_000,
}, async () => {
  const redis = await testRedis({ appendOnly: true })
  const base = options('stuck:', { redisPort: redis.port })
  const [all, first] = await Promise.all([nodes(2, base), workers(2, base)])
  const tokens = Array.from({ length: 4 }, () => issuer.issue())
  await use(all, tokens, 500)
  issuer.delayMs = 400
  await use(all, tokens, cacheMs * 0.7)
  await Promise.all(first.map((worker) => worker.kill()))
  issuer.delayMs = 0
  await redis.stop()
  const during = await use(all, tokens, 1500)
  // While Redis is unavailable, each node introspects tokens itself.
  expect([...during.keys()]).toEqual([200])

  await testRedis({ appendOnly: true, port: redis.port })
  const second = await startWorker(base)
  const enough = second.done.length + 3 * tokens.length
  await until(
    'the new worker has done the expected jobs',
    async () => {
      await use(all, tokens, 200)
      return second.done.length >= enough
    },
    90_000,
  )
})

test('a worker refuses to start if Redis can evict keys', async () => {
  const redis = await testRedis({ arguments: ['--maxmemory-policy', 'allkeys-lru'] })
  const failure = await startWorker(options('evict:', { redisPort: redis.port })).catch((error: Error) => error)

  expect(String(failure)).toContain('maxmemory-policy allkeys-lru')
  expect(String(failure)).toContain('noeviction')
})

test.each([['node'], ['worker']])(
  'a %s without keys.encryption does not start, and the error names `gatehouse keys generate encryption`',
  async (kind) => {
    const base = options('nokey:')
    const keys = { assertion: [{ id: 'test-1', secret: { file: 'assertion.jwk' } }] }
    const keyless = { ...base, settings: { ...base.settings, keys } }
    const failure = await (kind === 'node' ? startNodeProcess(keyless) : startWorker(keyless)).catch(
      (error: Error) => error,
    )

    expect(String(failure)).toContain('gatehouse keys generate encryption')
  },
)
