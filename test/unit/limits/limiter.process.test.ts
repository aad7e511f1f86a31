import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import type { LimitOutcome } from '../../../gateway/limits/limit-status.ts'
import { Limiter } from '../../../gateway/limits/limiter.ts'
import { PermitStore } from '../../../gateway/limits/permit-store.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { nodeLink, testRedis, untilReady } from '../../kit/redis.ts'
import { RedisRelay } from '../../kit/redis-relay.ts'
import { until } from '../../kit/until.ts'
import { admitted, ask, limiterNode, rule } from './limiter-nodes.ts'

// Rate limits of several nodes of one cluster. All nodes run in one process, each with its own connection to a real
// Redis.

let redis: Awaited<ReturnType<typeof testRedis>>

beforeAll(async () => {
  redis = await testRedis()
})

const node = (options: Partial<Parameters<typeof limiterNode>[0]> = {}) => limiterNode({ port: redis.port, ...options })

test.each(['exact', 'leased'] as const)(
  'with mode %s, a limit of 100 requests admits between 90 and 100 of 500 requests on 5 nodes',
  async (mode) => {
    const limit = rule({ mode, requests: 100, windowMs: 60_000 })
    const nodes = await Promise.all(Array.from({ length: 5 }, () => node()))
    let got = 0
    for (let round = 0; round < 10; round++) {
      const outcomes = await Promise.all(nodes.map((each) => ask(each, [limit], 10)))
      got += admitted(outcomes.flat())
      await sleep(mode === 'leased' ? 30 : 0)
    }

    expect(got).toBeLessThanOrEqual(100)
    expect(got).toBeGreaterThanOrEqual(mode === 'exact' ? 100 : 90)
  },
)

test('a node decides 50 concurrent requests under a limit in one call to Redis', async () => {
  const limit = rule({ requests: 1000 })
  // A separate Redis, because nodes of other tests return permits in the background.
  const one = await node({ port: (await testRedis()).port })
  const calls = async () => {
    const stats = String(await one.link.store.call('INFO', 'commandstats'))
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
  }
  await ask(one, [limit])
  const before = await calls()
  await ask(one, [limit], 50)

  expect((await calls()) - before).toBe(1)
})

test('while Redis is paused, a node admits requests of a leased limit from the permits of its lease without waiting', async () => {
  // A node holds a lease of this limit for two call spacings of 500 ms.
  const limit = rule({ mode: 'leased', requests: 1_000_000, windowMs: 60_000 })
  const { limiter } = await node()
  const bucket = [limiter.bucket(limit, 'alice')]
  let asked = 0
  const spendWhile = async (goOn: () => boolean) => {
    while (goOn()) {
      for (let n = 0; n < 20; n++, asked++) await limiter.take(bucket, 'closed')
      await sleep(10)
    }
  }
  /** @returns number of requests per ms until the next lease call of the node */
  const paceToNextCall = async (): Promise<number> => {
    const [from, startMs, { granted }] = [asked, performance.now(), bucket[0]!.lease!]
    await spendWhile(() => bucket[0]!.lease!.granted === granted)
    return (asked - from) / (performance.now() - startMs)
  }
  await spendWhile(() => bucket[0]!.lease === undefined)
  let count = 0
  while (count === 0) {
    // After four lease calls, the demand that the node estimates is 15/16 of the real demand.
    const pace = Math.min(
      ...[await paceToNextCall(), await paceToNextCall(), await paceToNextCall(), await paceToNextCall()],
    )
    // The worst moment for a pause of Redis is just before the next lease call.
    const [from, calledMs, { granted }] = [asked, performance.now(), bucket[0]!.lease!]
    await spendWhile(() => performance.now() - calledMs < 400)
    const left = 0.9 * pace * 1000 - (asked - from)
    // If a busy machine made the pace unsteady, the number of held permits is unknown, and the test tries again.
    if (bucket[0]!.lease!.granted === granted && left > pace * 200) count = Math.floor(Math.min(left, pace * 400))
  }
  process.kill(redis.pid, 'SIGSTOP')
  try {
    const outcomes = Array.from({ length: count }, () => limiter.take(bucket, 'closed'))
    expect(outcomes.filter((outcome) => outcome !== undefined)).toEqual([])
  } finally {
    process.kill(redis.pid, 'SIGCONT')
  }
})

test('when one of several limits refuses a request, the node gives back the permits that the other limits charged, in Redis too', async () => {
  const full = rule({ requests: 1, windowMs: 60_000, by: ['client'] })
  const leased = rule({ mode: 'leased', requests: 1000, windowMs: 60_000 })
  const wide = rule({ requests: 10, windowMs: 60_000 })
  const one = await node()
  const store = new PermitStore(one.link)
  const buckets = [
    one.limiter.bucket(leased, 'alice'),
    one.limiter.bucket(wide, 'alice'),
    // The window of another identity, which is therefore in another slot of Redis Cluster.
    one.limiter.bucket(full, 'a client'),
  ]
  const outcomes: LimitOutcome[] = []
  for (let i = 0; i < 30; i++) {
    outcomes.push(await one.limiter.take(buckets, 'local'))
    // The node returns the permits to Redis after the result of the request is known.
    await until('the charge is refunded', async () => (await store.count(buckets[1]!.key, wide)).used <= 1)
  }
  expect(admitted(outcomes)).toBe(1)
  expect(outcomes.at(-1)?.rule).toBe(full)

  expect(admitted(await ask(one, [wide], 12))).toBe(9)
})

test('a request that the limit of its own subject refuses takes no permits of a limit that all subjects share', async () => {
  const shared = rule({ mode: 'leased', requests: 1000 })
  const own = rule({ requests: 1, windowMs: 60_000 })
  const { limiter } = await node()
  const buckets = [limiter.bucket(shared, 'all'), limiter.bucket(own, 'alice')]
  const outcomes: LimitOutcome[] = []
  for (let i = 0; i < 100; i++) {
    outcomes.push(...(await Promise.all(Array.from({ length: 40 }, () => limiter.take(buckets, 'closed')))))
    await sleep(3)
  }

  expect(admitted(outcomes)).toBe(1)
  expect(limiter.metrics().map(({ leased, refused }) => [leased, refused])).toEqual([
    [1, 0],
    [0, 3999],
  ])
})

test('the rate limiter throws a fault instead of waiting endlessly when Redis replies null to a limit script', async () => {
  const relay = await RedisRelay.start(redis.port)
  const one = await node({ port: relay.port })
  const limit = rule()
  await ask(one, [limit])
  relay.replace('$-1')

  await expect((async () => one.limiter.take([one.limiter.bucket(limit, 'alice')], 'closed'))()).rejects.toMatchObject({
    reason: 'store-unavailable',
  })
})

test.each([
  ['exact', 'local', 5],
  ['leased', 'local', 5],
  ['exact', 'open', 20],
  ['leased', 'open', 20],
] as const)(
  'with mode %s and on_outage %s, one of two nodes admits %i of 20 requests under a limit of 10 that Redis has not counted yet, while Redis is unavailable',
  async (mode, onOutage, expected) => {
    const own = await testRedis()
    const { limiter } = await node({ members: 2, port: own.port })
    await own.stop()
    const bucket = [limiter.bucket(rule({ mode, windowMs: 60_000 }), 'alice')]
    const outcomes: LimitOutcome[] = []
    for (let i = 0; i < 20; i++) outcomes.push(await limiter.take(bucket, onOutage))

    expect(admitted(outcomes)).toBe(expected)
  },
)

test.each(['exact', 'leased'] as const)(
  'with mode %s and on_outage closed, the rate limiter throws a fault instead of refusing requests while Redis is unavailable',
  async (mode) => {
    const own = await testRedis()
    const { limiter } = await node({ members: 2, port: own.port })
    await own.stop()
    const bucket = [limiter.bucket(rule({ mode }), 'alice')]

    await expect((async () => limiter.take(bucket, 'closed'))()).rejects.toMatchObject({ reason: 'store-unavailable' })
  },
)

test.each(['exact', 'leased'] as const)(
  'permits that a limit in mode %s granted while Redis was unavailable still count after Redis returns, until they leave the window',
  async (mode) => {
    const own = await testRedis()
    const one = await node({ port: own.port })
    // The short window ends in this test, the long one does not.
    const [long, limit] = [rule({ mode, windowMs: 120_000 }), rule({ mode, windowMs: 3000 })]
    await own.stop()
    expect(admitted(await ask(one, [long], 6))).toBe(6)
    expect(admitted(await ask(one, [limit], 6))).toBe(6)

    await testRedis({ port: own.port })
    await untilReady(one.link.store)
    await sleep(300)
    expect(admitted(await ask(one, [long], 10))).toBeLessThanOrEqual(4)
    await ask(one, [limit], 10)
    await sleep(3100)
    const later: LimitOutcome[] = []
    for (let i = 0; i < 12; i++) {
      later.push(...(await ask(one, [limit])))
      await sleep(10)
    }
    expect(admitted(later)).toBeGreaterThan(5)
    expect(admitted(later)).toBeLessThanOrEqual(10)
  },
)

test('a node that stops returns the unspent permits of its lease to Redis', async () => {
  const limit = rule({ mode: 'leased', requests: 1000, windowMs: 60_000 })
  const [one, two] = [await node(), await node()]
  for (let i = 0; i < 40; i++) {
    await ask(one, [limit], 10)
    await sleep(5)
  }
  await one.limiter.close()
  const [counts] = one.limiter.metrics()

  // This loop ends well within the window of 60 s, even on a busy machine.
  let got = counts!.admitted
  for (let i = 0; i < 2000 && got < 1000; i++) {
    got += admitted(await ask(two, [limit], 20))
    await sleep(5)
  }
  got += admitted(await ask(two, [limit], 20))
  expect(got).toBe(1000)
})

test('a node that stops during a lease call also returns the permits that this call brings', async () => {
  const limit = rule({ mode: 'leased', requests: 1000, windowMs: 60_000 })
  const { limiter, link } = await node()
  const bucket = limiter.bucket(limit, 'alice')
  const asked = Array.from({ length: 20 }, () => limiter.take([bucket], 'closed'))
  expect(bucket.lease!.asking).toBe(true)
  const closed = limiter.close()
  const got = admitted(await Promise.all(asked))
  await closed

  expect(await new PermitStore(link).count(bucket.key, limit)).toEqual({ used: got, held: 0 })
})

test('a node that runs without Redis enforces each rate limit as if it were the only node', async () => {
  const limiter = new Limiter({ store: undefined, members: () => 8 })
  atEnd(() => limiter.close())
  const limits = [rule({ requests: 10, windowMs: 60_000 }), rule({ mode: 'leased', requests: 1000 })]

  expect(admitted(await ask({ limiter }, limits, 20))).toBe(10)
  expect(limiter.metrics().map(({ admitted: got, refused }) => [got, refused])).toEqual([
    [10, 10],
    [10, 0],
  ])
})

test('when a node evicts a limit window from memory and uses the window again, its new lease in Redis does not overwrite the old one, although both end in the same tick', async () => {
  const { limiter, link } = await node({ bucketsMax: 1 })
  // A tick of this window lasts 13 s, so two successive leases end in the same tick.
  const limit = rule({ mode: 'leased', requests: 1000, windowMs: 2_592_000 })
  const forgotten = limiter.bucket(limit, 'alice')
  const first = limiter.take([forgotten], 'closed')
  limiter.bucket(limit, 'bob')
  const again = limiter.bucket(limit, 'alice')
  await Promise.all([first, limiter.take([again], 'closed')])

  expect(again).not.toBe(forgotten)
  expect(await link.store.call('HLEN', again.key)).toBe(2)
})

test('a node whose process was blocked for 600 ms during 10 calls to Redis does not treat Redis as unavailable', async () => {
  const limit = rule({ mode: 'leased', requests: 10, windowMs: 60_000 })
  const subjects = Array.from({ length: 10 }, (_, i) => `subject ${i}`)
  const [one, two] = [await node({ link: nodeLink }), await node()]
  for (const who of subjects) await ask(two, [limit], 10, who)
  // Loads the script.
  await ask(one, [limit], 1, 'another subject')

  const asked = subjects.map((who) => ask(one, [limit], 1, who))
  await block(600)
  const outcomes = await Promise.all(asked)

  expect(admitted(outcomes.flat())).toBe(0)
  expect(one.limiter.metrics()[0]).toMatchObject({ outage: 0, refused: 10, admitted: 1 })
})

/** Blocks this process, so that each reply of Redis that is due takes at least `ms` milliseconds. */
async function block(ms: number): Promise<void> {
  // The node sends its calls in one of the next turns of the event loop.
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve))
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
}

test('requests that arrive during a lease call of 400 ms are admitted by the next call, because the limit has room', async () => {
  const one = await node()
  const limit = rule({ mode: 'leased', requests: 1_000_000_000, windowMs: 10_000 })
  await ask(one, [limit], 1, 'another subject')

  // The first request begins a call for one permit. The others arrive during this call.
  const asked = ask(one, [limit], 10)
  await block(400)

  expect(admitted(await asked)).toBe(10)
  expect(one.limiter.metrics()[0]).toMatchObject({ outage: 0, refused: 0 })
})

test.each([
  ['admits all of 20,000 concurrent requests at a limit of 1,000,000', 1_000_000, 20_000],
  ['admits 100 of 20,000 concurrent requests at a limit of 100', 100, 100],
])('a node in which at most 16,384 requests wait for the permits of a window %s', async (_what, requests, expected) => {
  const one = await node()
  const limit = rule({ mode: 'leased', requests, windowMs: 60_000 })

  expect(admitted(await ask(one, [limit], 20_000))).toBe(expected)
})

test('the rate limiter counts refusals of shadow limits, which refuse no request, separately from enforced refusals', async () => {
  const one = await node()
  const shadow = rule({ requests: 3, windowMs: 60_000, shadow: true })
  await ask(one, [shadow], 10)

  expect(one.limiter.metrics()[0]).toMatchObject({ admitted: 3, refused: 0, shadowRefused: 7 })
})

test('a node with memory for 100 limit windows evicts the least recently used windows', async () => {
  const { limiter } = await node({ bucketsMax: 100 })
  const limit = rule({ mode: 'leased', requests: 100_000, windowMs: 60_000 })
  const first = limiter.bucket(limit, 'first')
  for (let i = 0; i < 300; i++) await ask({ limiter }, [limit], 1, `subject ${i}`)

  expect([...limiter.buckets()].length).toBe(100)
  expect(first.live).toBe(false)
})
