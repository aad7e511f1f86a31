import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { nodeTimeoutMs, testRedisCluster } from '../kit/redis-cluster.ts'
import { maxLagMs, testSentinel } from '../kit/redis-sentinel.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { startWorker, type TestWorker } from '../kit/worker.ts'

// Jobs and shared introspection replies work in a Redis Cluster and under Sentinel. Both recover without an operator
// when a master dies.

const cacheMs = 1000

let issuer: IntrospectionIssuer
let orders: TestUpstream

beforeAll(async () => {
  issuer = await startIntrospectionIssuer()
  orders = await startUpstream()
})

interface NodeAndWorker {
  readonly node: TestNode
  readonly worker: TestWorker
}

async function start(redis: Readonly<Record<string, unknown>>): Promise<NodeAndWorker> {
  const options = opaqueGate({
    issuer: issuer.url,
    orders: orders.url,
    introspection: { cache: `${cacheMs}ms`, stale: '20s', timeout: '5s', rate: 1000 },
    settings: { redis },
  })
  const [node, worker] = await Promise.all([startNode(options), startWorker(options)])
  return { node, worker }
}

/**
 * Sends requests with a token until the worker has refreshed the token `times` more times. @returns the statuses of the
 * replies
 */
async function useUntilRefreshed(
  { node, worker }: NodeAndWorker,
  token: string,
  times: number,
  limitMs: number,
): Promise<number[]> {
  const enough = worker.done.length + times
  const deadline = performance.now() + limitMs
  const statuses = new Set<number>()
  while (worker.done.length < enough) {
    if (performance.now() > deadline) throw new Error(`refreshed ${worker.done.length} times, not ${enough}`)
    statuses.add((await request(node.port, requestBytes({ target: '/orders/1', token }))).status)
    await sleep(20)
  }
  return [...statuses]
}

async function expectSurvival(parts: NodeAndWorker, kill: () => Promise<void>): Promise<void> {
  const token = issuer.issue()
  expect(await useUntilRefreshed(parts, token, 2, 60_000)).toEqual([200])
  await kill()
  // Until the node has found the new master, a request whose token cannot be validated gets 503. No other error status
  // is allowed.
  expect(
    (await useUntilRefreshed(parts, token, 2, 60_000)).filter((status) => status !== 200 && status !== 503),
  ).toEqual([])
  await expect
    .poll(async () => (await request(parts.node.port, requestBytes({ target: '/orders/1', token }))).status)
    .toBe(200)
}

test('after a Redis Cluster master is killed, a worker introspects tokens that are in use again, and the node admits them', {
  timeout: 240_000,
}, async () => {
  const redis = await testRedisCluster()
  const parts = await start({ cluster: { hosts: redis.hosts }, cluster_node_timeout: `${nodeTimeoutMs}ms` })

  // Kills the Redis master that stores the job queue of the issuer.
  await expectSurvival(parts, () => redis.killMasterOf('{gh:introspect}:main:wait'))
})

test('after a Redis master under Sentinel is killed, a worker introspects tokens that are in use again, and the node admits them', {
  timeout: 240_000,
}, async () => {
  const redis = await testSentinel({ minReplicas: 1 })
  const { sentinels, master } = redis
  const parts = await start({ sentinel: { hosts: sentinels, master }, min_replicas_max_lag: `${maxLagMs}ms` })

  await expectSurvival(parts, () => redis.killMaster())
})
