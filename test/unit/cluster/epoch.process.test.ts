import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../../gateway/cluster/cluster.ts'
import { EpochFile } from '../../../gateway/cluster/epoch-file.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { clusterView } from '../../kit/cluster-view.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

// The cluster epoch is an id in Redis that marks the data as complete. A Redis without it counts as new, unless a node
// remembers an earlier epoch.

let port: number
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-epoch-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

beforeAll(async () => {
  ;({ port } = await testRedis())
})

/** Returns a link to Redis with a key prefix that no other test uses, so that Redis looks empty. */
function emptyRedis(prefix: string): Promise<RedisLink> {
  return testLink(redisSettingsFor(port, { prefix }))
}

async function empty(link: RedisLink): Promise<void> {
  await link.store.call('DEL', link.keys.epoch, link.keys.events, link.keys.members, link.keys.positions)
}

async function joined(cluster: Cluster, limitMs = 60_000): Promise<number> {
  const startedAt = performance.now()
  while (!cluster.caughtUp) {
    if (performance.now() - startedAt > limitMs) throw new Error('has not joined')
    await sleep(20)
  }
  return performance.now() - startedAt
}

const takenForNew =
  'starting a new cluster: this is expected at the first start; otherwise Redis has lost its data, including revocations, and no running node had a copy'

test('a node that knows no cluster epoch initialises an empty Redis as a new cluster, after it has waited at least 3 s for members of an earlier cluster', async () => {
  const said: string[] = []
  const cluster = await clusterView(await emptyRedis('new:'), { said })
  cluster.start()
  expect(await joined(cluster)).toBeGreaterThan(3000)
  expect(said).toContain(takenForNew)
})

test('after an operator has accepted the data loss of Redis, a node that knows no epoch joins the cluster instead of initialising a new one', async () => {
  const said: string[] = []
  const cluster = await clusterView(await emptyRedis('accepted:'), { said })
  await cluster.acceptLoss()
  cluster.start()
  await joined(cluster)

  expect(said).not.toContain(takenForNew)
})

test('a node that knows a cluster epoch joins after Redis lost its data, once a running member of that epoch has restored the data', async () => {
  const link = await emptyRedis('member:')
  const member = await clusterView(link, { id: 'member' })
  await member.acceptLoss()
  member.start()
  await joined(member)
  const file = join(folder, 'with-member')
  const before = await clusterView(link, { id: 'before', epochFile: new EpochFile(file) })
  before.start()
  await joined(before)
  expect(readFileSync(file, 'latin1').trim()).toBe(String(await link.store.call('GET', link.keys.epoch)))
  await before.close()

  await empty(link)
  const after = await clusterView(link, { id: 'after', epochFile: new EpochFile(file) })
  after.start()
  await joined(after)
  expect(readFileSync(file, 'latin1').trim()).not.toBe('')
})

test('a node that knows a cluster epoch waits for an operator when Redis has lost its data and no member runs', async () => {
  const link = await emptyRedis('operator:')
  const file = join(folder, 'operator')
  new EpochFile(file).write('of-yore')
  const said: string[] = []
  const cluster = await clusterView(link, { epochFile: new EpochFile(file), said })
  cluster.start()
  await until('the node logs the data loss', () => said.length > 0)
  await sleep(1000)
  expect(cluster.caughtUp).toBe(false)
  expect(said).toEqual([
    'Redis has lost its data: this node is not ready until a member restores the data, or an operator runs `gatehouse nodes accept-loss`',
  ])
  // The wait does not end when a node that remembers no epoch writes a new one.
  await link.store.call('SET', link.keys.epoch, 'founded-by-another')
  await sleep(500)
  expect(cluster.caughtUp).toBe(false)

  await cluster.acceptLoss()
  await joined(cluster)
})
