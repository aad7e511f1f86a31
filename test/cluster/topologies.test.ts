import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { RedisTopology } from '../../gateway/base/redis-topology.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { HeldConnection } from '../kit/held-connection.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import {
  foundEpoch,
  maxStalenessMs,
  startNodes,
  startRevocationService,
  type TestService,
} from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { nodeTimeoutMs, testRedisCluster } from '../kit/redis-cluster.ts'
import { maxLagMs, testSentinel } from '../kit/redis-sentinel.ts'
import { StartFailure, type TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'

// A Redis master dies and a replica takes over. Revocation receipts stay true, and the cluster recovers without an
// operator.

interface ClusterGate {
  readonly issuer: TestIssuer
  readonly nodes: readonly TestNode[]
  readonly service: TestService
  readonly link: RedisLink
}

async function startGate(topology: RedisTopology, redis: Readonly<Record<string, unknown>>): Promise<ClusterGate> {
  const link = await testLink(redisSettingsFor(0, { place: topology }))
  await foundEpoch(link)
  const issuer = await startIssuer()
  const upstream = await startUpstream()
  const policy = testPolicy({ issuer: issuer.url, orders: upstream.url })
  const nodes = await startNodes({ nodes: 2, policy, redis })
  return { issuer, nodes, link, service: await startRevocationService({ issuers: [rulesFor(issuer.url)], link }) }
}

async function status(node: TestNode, token: string | undefined, target = '/orders/1'): Promise<number> {
  const connection = await HeldConnection.open(node.port, target)
  try {
    return await connection.status(token)
  } finally {
    connection.close()
  }
}

/**
 * Kills a Redis master. During the failover, public routes must work. Valid tokens must be admitted again within 60 s,
 * and revoked tokens never.
 */
async function expectSurvival(
  { issuer, nodes, service }: ClusterGate,
  kill: () => Promise<void>,
  boundMs: number,
): Promise<void> {
  const statuses = (token: string) => Promise.all(nodes.map((node) => status(node, token)))
  const revoked = issuer.sign()
  expect(await statuses(revoked)).toEqual([200, 200])
  const receipt = await service.revoke({ kind: 'token', token: revoked })
  expect(receipt).toMatchObject({ missing: [], max_staleness_ms: boundMs })
  expect(receipt.replicas).toBeGreaterThanOrEqual(1)
  expect(await statuses(revoked)).toEqual([401, 401])

  let killed = false
  const gone = kill().then(() => {
    killed = true
  })
  while (!killed) {
    expect(await Promise.all(nodes.map((node) => status(node, undefined, '/public/1')))).toEqual([200, 200])
    expect((await statuses(revoked)).filter((code) => code !== 401 && code !== 503)).toEqual([])
    await sleep(50)
  }
  await gone

  const good = issuer.sign()
  const deadline = performance.now() + 60_000
  while ((await statuses(good)).some((code) => code !== 200)) {
    if (performance.now() > deadline) throw new Error('a valid token is still rejected after 60 s')
    expect((await statuses(revoked)).filter((code) => code !== 401)).toEqual([])
    await sleep(100)
  }
  // Redis can accept writes again before each node has read the event log of the new master.
  await withRetry(async () => {
    const { missing } = await service.revoke({ kind: 'token', token: good })
    expect(missing).toEqual([])
  }, 60_000)
  expect(await statuses(good)).toEqual([401, 401])
  expect(await statuses(revoked)).toEqual([401, 401])
}

async function withRetry<T>(work: () => Promise<T>, limitMs: number): Promise<T> {
  const deadline = performance.now() + limitMs
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await sleep(100)
    }
  }
}

test('after a Redis Cluster master is killed, nodes still reject revoked tokens and admit valid tokens again within 60 s', {
  timeout: 240_000,
}, async () => {
  const redis = await testRedisCluster()
  const hosts = redis.hosts.map((host) => ({ host: '127.0.0.1', port: Number(host.split(':')[1]) }))
  const gate = await startGate(
    { topology: 'cluster', hosts, nodeTimeoutMs },
    { cluster: { hosts: redis.hosts }, cluster_node_timeout: `${nodeTimeoutMs}ms` },
  )
  await expectSurvival(gate, () => redis.killMasterOf(gate.link.keys.events), maxStalenessMs)
})

test('after a Redis master under Sentinel is killed, nodes still reject revoked tokens and admit valid tokens again within 60 s', {
  timeout: 240_000,
}, async () => {
  const redis = await testSentinel({ minReplicas: 1 })
  const sentinels = redis.sentinels.map((host) => ({ host: '127.0.0.1', port: Number(host.split(':')[1]) }))
  const { master } = redis
  const gate = await startGate(
    {
      topology: 'sentinel',
      sentinels,
      master,
      username: undefined,
      password: undefined,
      minReplicasMaxLagMs: maxLagMs,
    },
    { sentinel: { hosts: redis.sentinels, master }, min_replicas_max_lag: `${maxLagMs}ms` },
  )
  await expectSurvival(gate, () => redis.killMaster(), maxStalenessMs + maxLagMs)
})

test('a node refuses to start with a Redis master under Sentinel that accepts writes without replicas', async () => {
  const redis = await testSentinel({ minReplicas: 0 })
  const issuer = await startIssuer()
  const settings = { hosts: redis.sentinels, master: redis.master }
  const starting = startNodes({
    nodes: 1,
    policy: testPolicy({ issuer: issuer.url, orders: issuer.url }),
    redis: { sentinel: settings, min_replicas_max_lag: '1s' },
  })
  await expect(starting).rejects.toThrow(StartFailure)
  await expect(starting).rejects.toThrow(/min-replicas-to-write/)
})
