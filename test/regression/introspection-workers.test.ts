import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import type { LogRecord } from '../kit/log-lines.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startWorker } from '../kit/worker.ts'

// Introspection replies that nodes share in Redis, and the workers that refresh these replies.

let issuer: IntrospectionIssuer
let orders: string
let redisPort: number

beforeAll(async () => {
  issuer = await startIntrospectionIssuer()
  orders = (await startUpstream()).url
  redisPort = (await testRedis()).port
})

const options = (prefix: string, more: Partial<Parameters<typeof opaqueGate>[0]> = {}) =>
  opaqueGate({
    issuer: issuer.url,
    orders,
    redisPort,
    prefix,
    introspection: { cache: '1s', stale: '5s', negative_cache: '200ms' },
    ...more,
  })

const asWorker = { username: 'worker', password: { env: 'TEST_REDIS_PASSWORD' } }

const statusOf = async (node: TestNode, token: string) =>
  (await request(node.port, requestBytes({ target: '/orders/1', token }))).status

/** Sends requests with a token until a worker has done a job. @returns the statuses of the replies */
async function useUntil(done: () => boolean, node: TestNode, token: string): Promise<Set<number>> {
  const statuses = new Set<number>()
  await until('a worker has done a job', async () => {
    statuses.add(await statusOf(node, token))
    return done()
  })
  return statuses
}

test('S-106: if the policy of a worker has another issuer under the same name, the worker sends no token to that issuer and revokes no token', async () => {
  const other = await startIntrospectionIssuer()
  const node = await startNode(options('renamed:'))
  const worker = await startWorker(options('renamed:', { issuer: other.url }))
  const token = issuer.issue()

  // The node refreshes the reply itself when the worker is slow; the job then ends as `fresh` and without a question.
  expect(await useUntil(() => worker.done.includes('gone'), node, token)).toEqual(new Set([200]))

  expect(worker.done.filter((result) => result !== 'gone' && result !== 'fresh')).toEqual([])
  expect(other.asked).toEqual([])
  expect(await statusOf(node, token)).toBe(200)
})

test('while the issuer is unreachable, a node does not use an expired introspection response about an inactive token, and replies 503 instead of 401', async () => {
  const node = await startNode(options('aged:'))
  expect(await statusOf(node, 'unheard-of')).toBe(401)
  await sleep(300)

  issuer.script = () => ({ status: 500 })
  expect(await statusOf(node, 'unheard-of')).toBe(503)
  issuer.script = undefined
})

test.each(['unsupported_token_type', 'invalid_request'])(
  'when the issuer replies 400 %s to an introspection by a worker, the token is rejected but not revoked, and can become active again',
  async (code) => {
    const node = await startNode(options(`${code}:`))
    const worker = await startWorker(options(`${code}:`))
    const token = issuer.issue()
    expect(await statusOf(node, issuer.issue())).toBe(200)
    await useUntil(() => worker.done.includes('active'), node, token)
    issuer.script = (asked) =>
      asked.token === token ? { status: 400, body: JSON.stringify({ error: code }) } : undefined
    await until('the token is rejected', async () => (await statusOf(node, token)) === 401)
    expect(worker.done).not.toContain('ended')
    issuer.script = undefined

    await until('the token is admitted again', async () => (await statusOf(node, token)) === 200)
  },
)

test('a worker whose Redis user lacks a permission logs a warning with the reason', async () => {
  const redis = await testRedis()
  const link = await testLink(redisSettingsFor(redis.port))
  await link.store.call('ACL', 'SETUSER', 'worker', 'on', '>a-password', '~*', '&*', '+@all', '-bzpopmin')
  const base = options('acl:', { redisPort: redis.port })
  const settings = { ...base.settings, redis: { ...(base.settings!['redis'] as object), ...asWorker } }
  const worker = await startWorker({ ...base, settings, env: { ...base.env, TEST_REDIS_PASSWORD: 'a-password' } })

  const refused = ({ msg }: LogRecord) => msg === 'queue worker reported an error and continues'
  expect(await worker.waitForLine(refused)).toMatchObject({ queue: 'introspect:main', level: 'warn' })
  expect(worker.log.find(refused)!['reason']).toContain('NOPERM')
})
