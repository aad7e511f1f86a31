import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { testRedis } from '../../kit/redis.ts'
import { admitted, ask, limiterNode, rule, slowLink } from './limiter-nodes.ts'

// `on_outage: { limits: local }`: requests that Redis counted still count in the window when Redis is unavailable, or
// seems unavailable to an overloaded node. A full share for each node on top of them would exceed the limit.

test.each(['exact', 'leased'] as const)(
  'with on_outage.limits local, a node that learned from Redis that the window of a limit with mode %s is full admits nothing for this window while Redis does not reply',
  async (mode) => {
    const redis = await testRedis()
    const limit = rule({ mode, requests: 10, windowMs: 60_000 })
    const nodes = await Promise.all(
      Array.from({ length: 4 }, () => limiterNode({ members: 4, port: redis.port, link: slowLink })),
    )
    let got = 0
    for (const node of nodes) got += admitted(await ask(node, [limit], 12))
    expect(got).toBe(10)

    process.kill(redis.pid, 'SIGSTOP')
    try {
      const outcomes = (await Promise.all(nodes.map((node) => ask(node, [limit], 5)))).flat()
      expect(admitted(outcomes)).toBe(0)
      expect(outcomes.filter((outcome) => outcome!.waitMs <= 0)).toEqual([])
    } finally {
      process.kill(redis.pid, 'SIGCONT')
    }
  },
)

test('while Redis is unavailable, each of two nodes admits half of the remainder that Redis last reported to this node for a limit window', async () => {
  const redis = await testRedis()
  const limit = rule({ requests: 20, windowMs: 60_000 })
  const nodes = await Promise.all([1, 2].map(() => limiterNode({ members: 2, port: redis.port })))
  for (const node of nodes) expect(admitted(await ask(node, [limit], 5))).toBe(5)
  await redis.stop()

  // The last reply of Redis reported 15 remaining requests to the first node, and 10 to the second.
  expect(admitted(await ask(nodes[0]!, [limit], 20))).toBe(7)
  expect(admitted(await ask(nodes[1]!, [limit], 20))).toBe(5)
})

test('one window length after the last reply of an unavailable Redis, a node can admit its whole share of the limit (half with two nodes)', async () => {
  const redis = await testRedis()
  // The short window ends in this test, the long one does not.
  const [long, limit] = [rule({ requests: 10, windowMs: 120_000 }), rule({ requests: 10, windowMs: 3000 })]
  const node = await limiterNode({ members: 2, port: redis.port })
  await ask(node, [long], 12)
  await ask(node, [limit], 12)
  await redis.stop()
  expect(admitted(await ask(node, [long], 20))).toBe(0)
  await sleep(3100)
  expect(admitted(await ask(node, [limit], 20))).toBe(5)
})

test('while Redis is unavailable, a request that one limit refuses takes no permit of another limit', async () => {
  const redis = await testRedis()
  const wide = rule({ requests: 20, windowMs: 60_000 })
  const narrow = rule({ requests: 3, windowMs: 60_000, by: ['client'] })
  const node = await limiterNode({ members: 2, port: redis.port })
  await ask(node, [wide], 10)
  await redis.stop()
  expect(admitted(await ask(node, [wide, narrow], 10))).toBe(1)

  expect(admitted(await ask(node, [wide], 20))).toBe(4)
})
