import { beforeEach, expect, test } from 'vitest'
import { testRedis } from '../../kit/redis.ts'
import { admitted, ask, type LimiterNode, limiterNode, rule } from './limiter-nodes.ts'

// Strangers with many addresses can cause any number of windows. From nine tenths of maxmemory on, the rest of the memory
// is for what needs a credential: sessions, logins, records of DPoP proofs.

const redis = await testRedis()
const node: LimiterNode = await limiterNode({ port: redis.port, members: 2 })
const { store: client, keys } = node.link
const outages = () => node.limiter.metrics().reduce((sum, { outage }) => sum + outage, 0)
const exists = async (mode: 'exact' | 'leased', key: string, who: string) =>
  (await client.call('EXISTS', keys.limit(mode, key, who))) === 1

async function useMemory(share: number): Promise<void> {
  const used = Number(/used_memory:(\d+)/.exec(String(await client.call('INFO', 'memory')))![1])
  await client.call('CONFIG', 'SET', 'maxmemory', share === 0 ? 0 : Math.round(used / share))
}

beforeEach(() => useMemory(0))

test.each(['exact', 'leased'] as const)(
  'while Redis uses more than nine tenths of maxmemory, a limit in mode %s decides clients with a window in Redis as before, and other clients by the share of the node',
  async (mode) => {
    const limit = rule({ mode, requests: 10, windowMs: 60_000 })
    expect(admitted(await ask(node, [limit], 3, 'known'))).toBe(3)
    const before = outages()
    await useMemory(0.95)

    const [known, stranger] = await Promise.all([ask(node, [limit], 12, 'known'), ask(node, [limit], 12, 'stranger')])

    expect(admitted(known)).toBe(7)
    // Half of the limit: the share of one of two nodes.
    expect(admitted(stranger)).toBe(5)
    expect(outages() - before).toBe(12)
    expect(await exists(mode, limit.key, 'known')).toBe(true)
    expect(await exists(mode, limit.key, 'stranger')).toBe(false)

    await useMemory(0.8)
    await ask(node, [limit], 1, 'later')
    expect(await exists(mode, limit.key, 'later')).toBe(true)
  },
)

test('while Redis uses more than nine tenths of maxmemory, it counts new windows of less than 10 s', async () => {
  const limit = rule({ requests: 10, windowMs: 9000 })
  const before = outages()
  await useMemory(0.95)
  expect(admitted(await ask(node, [limit], 12))).toBe(10)
  expect(outages()).toBe(before)
})

test('a request that also needs a new window is not charged to its other windows while Redis uses more than nine tenths of maxmemory', async () => {
  const [known, fresh] = [rule({ requests: 10, windowMs: 60_000 }), rule({ requests: 10, windowMs: 60_000 })]
  await ask(node, [known], 1)
  await useMemory(0.95)
  await ask(node, [known, fresh], 2)
  await useMemory(0)
  const [next] = await ask(node, [known], 1)
  expect(next).toMatchObject({ allowed: true, left: 8 })
})
