import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { GatewayFault } from '../../gateway/base/fault.ts'
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

// The rate limit windows of one request can be in slots of different Redis Cluster masters (docs/design/contract.md
// §7). Either all windows are charged, or the charged ones are refunded.

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

/** Returns a bucket of `limit` in a Redis Cluster slot that none of the buckets in `others` has. */
function elsewhere(node: Limiter, limit: LimitRule, others: readonly Bucket[]): Bucket {
  for (let i = 0; ; i++) {
    const bucket = node.bucket(limit, `somebody ${i}`)
    if (others.every(({ key }) => store.slotOf(key) !== store.slotOf(bucket.key))) return bucket
  }
}

const admitted = (outcomes: readonly LimitOutcome[]) => outcomes.filter((outcome) => outcome?.allowed !== false).length

/** Decides a request. Sends it again while Redis Cluster is unavailable, as during a failover on a busy machine. */
async function decided(node: Limiter, bucket: Bucket): Promise<LimitOutcome> {
  for (;;) {
    try {
      return await node.take([bucket], 'closed')
    } catch (error) {
      if (!(error instanceof GatewayFault)) throw error
      await sleep(50)
    }
  }
}

test('concurrent nodes never exceed a rate limit whose windows are in different Redis Cluster slots', async () => {
  const limit = rule('exact', 20)
  const nodes = [limiter(), limiter(), limiter()]
  const who = Array.from({ length: 12 }, (_, i) => `subject ${i}`)
  const outcomes = await Promise.all(
    nodes.flatMap((node) =>
      who.flatMap((name) =>
        Array.from({ length: 10 }, async () => ({ name, out: await decided(node, node.bucket(limit, name)) })),
      ),
    ),
  )

  // A request whose Redis call misses its deadline is refused, although Redis may have charged the window.
  for (const name of who) {
    expect(admitted(outcomes.filter((each) => each.name === name).map(({ out }) => out))).toBeLessThanOrEqual(20)
    expect((await store.count(nodes[0]!.bucket(limit, name).key, limit)).used).toBe(20)
  }
})

test('when one rate-limit window refuses a request, the gate gives back the permits of the other windows, also in other Redis Cluster slots', async () => {
  const node = limiter()
  const [full, wide, leased] = [rule('exact', 1), rule('exact', 10), rule('leased', 1000)]
  const wideBucket = node.bucket(wide, 'alice')
  const buckets = [node.bucket(leased, 'alice'), wideBucket, elsewhere(node, full, [wideBucket])]
  const outcomes: LimitOutcome[] = []
  for (let i = 0; i < 30; i++) {
    outcomes.push(await node.take(buckets, 'closed'))
    // The limiter sends the refund to Redis after it has returned the outcome.
    await until('the charge is refunded', async () => (await store.count(wideBucket.key, wide)).used <= 1)
  }
  expect(admitted(outcomes)).toBe(1)
  expect(outcomes.at(-1)?.rule).toBe(full)

  const rest = await Promise.all(Array.from({ length: 12 }, () => node.take([wideBucket], 'closed')))
  expect(admitted(rest)).toBe(9)
})

test('after the Redis master of a rate-limit window with leased permits is killed, nodes admit at most twice the limit, and the count can be read from the new master', async () => {
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
  // The Redis driver can still use the old master of the slot. The errors MOVED and DISCONNECTED end when the driver
  // knows the new master.
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
