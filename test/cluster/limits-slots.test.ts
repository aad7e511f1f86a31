import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { exactTicks, type LimitRule, leasedTicks } from '../../gateway/base/limit-rule.ts'
import type { Bucket } from '../../gateway/limits/bucket.ts'
import type { LimitOutcome } from '../../gateway/limits/limit-status.ts'
import { Limiter } from '../../gateway/limits/limiter.ts'
import { PermitStore } from '../../gateway/limits/permit-store.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { atEnd } from '../kit/cleanup.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { nodeTimeoutMs, type TestRedisCluster, testRedisCluster } from '../kit/redis-cluster.ts'
import { until } from '../kit/until.ts'

// docs/design/contract.md §7 in a Redis Cluster: the windows of one request are in different slots on different
// masters. Either all windows are charged, or the charged ones are refunded.

let redis: TestRedisCluster
let link: RedisLink
let store: PermitStore
let names = 0

beforeAll(async () => {
  redis = await testRedisCluster()
  const hosts = redis.hosts.map((at) => ({ host: at.split(':')[0]!, port: Number(at.split(':')[1]) }))
  link = await testLink(redisSettingsFor(0, { place: { topology: 'cluster', hosts, nodeTimeoutMs } }))
  store = new PermitStore(link)
})

function rule(mode: LimitRule['mode'], requests: number): LimitRule {
  const name = `l${++names}`
  const windowMs = 60_000
  const ticks = mode === 'exact' ? exactTicks(requests) : leasedTicks
  const key = `gate/${name}:${windowMs}:${ticks}`
  return { name, label: `gate/${name}`, key, by: [], mode, requests, windowMs, cost: 1, shadow: false, policyItem: '' }
}

function limiter(): Limiter {
  const created = new Limiter({ store })
  atEnd(() => created.close())
  return created
}

/** A bucket of `limit` in another slot than the others. */
function elsewhere(node: Limiter, limit: LimitRule, others: readonly Bucket[]): Bucket {
  for (let i = 0; ; i++) {
    const bucket = node.bucket(limit, `somebody ${i}`)
    if (others.every(({ key }) => store.slotOf(key) !== store.slotOf(bucket.key))) return bucket
  }
}

const admitted = (outcomes: readonly LimitOutcome[]) => outcomes.filter((outcome) => outcome?.allowed !== false).length

test('concurrent nodes never exceed the limit across windows in different Redis Cluster slots', async () => {
  const limit = rule('exact', 20)
  const nodes = [limiter(), limiter(), limiter()]
  const who = Array.from({ length: 12 }, (_, i) => `subject ${i}`)
  const outcomes = await Promise.all(
    nodes.flatMap((node) =>
      who.flatMap((name) =>
        Array.from({ length: 10 }, async () => ({ name, out: await node.take([node.bucket(limit, name)], 'closed') })),
      ),
    ),
  )

  // A call to Redis that misses its deadline is refused, though Redis may have charged it.
  for (const name of who) {
    expect(admitted(outcomes.filter((each) => each.name === name).map(({ out }) => out))).toBeLessThanOrEqual(20)
    expect((await store.count(nodes[0]!.bucket(limit, name).key, limit)).used).toBe(20)
  }
})

test('a refusal by one window refunds the windows in other slots', async () => {
  const node = limiter()
  const [full, wide, leased] = [rule('exact', 1), rule('exact', 10), rule('leased', 1000)]
  const wideBucket = node.bucket(wide, 'alice')
  const buckets = [node.bucket(leased, 'alice'), wideBucket, elsewhere(node, full, [wideBucket])]
  const outcomes: LimitOutcome[] = []
  for (let i = 0; i < 30; i++) {
    outcomes.push(await node.take(buckets, 'closed'))
    // The refund happens after the reply.
    await until('the charge is refunded', async () => (await store.count(wideBucket.key, wide)).used <= 1)
  }
  expect(admitted(outcomes)).toBe(1)
  expect(outcomes.at(-1)?.rule).toBe(full)

  const rest = await Promise.all(Array.from({ length: 12 }, () => node.take([wideBucket], 'closed')))
  expect(admitted(rest)).toBe(9)
})

test('after the loss of its master, a leased window continues on the replica and admits at most twice its limit', async () => {
  const node = limiter()
  const limit = rule('leased', 1000)
  const bucket = node.bucket(limit, 'alice')
  let got = 0
  const takeTwenty = async (): Promise<void> => {
    got += admitted(await Promise.all(Array.from({ length: 20 }, () => node.take([bucket], 'local'))))
    await sleep(10)
  }
  for (let i = 0; i < 15; i++) await takeTwenty()
  await redis.killMasterOf(bucket.key)
  for (let i = 0; i < 150; i++) await takeTwenty()

  expect(got).toBeGreaterThanOrEqual(300)
  expect(got).toBeLessThanOrEqual(2000)
  // The driver may still use the old master of the slot: errors MOVED and DISCONNECTED end after it has learnt the new
  // one.
  let used: number | undefined
  await until('the window can be read from its new master', async () => {
    used = await store.count(bucket.key, limit).then(
      (window) => window.used,
      () => undefined,
    )
    return used !== undefined
  })
  expect(used).toBeLessThanOrEqual(1000)
})
