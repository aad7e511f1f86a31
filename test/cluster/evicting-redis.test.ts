import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { testRedis } from '../kit/redis.ts'

// A Redis that may evict keys would lose revocations: no node starts with it.

const policy = testPolicy({ issuer: 'http://127.0.0.1:1', orders: 'http://127.0.0.1:1' })
const startOn = async (...words: string[]) => {
  const { url } = await testRedis({ arguments: words })
  return startNode({ policy, settings: { redis: { url } } })
}

test.each(['volatile-ttl', 'allkeys-lru'])('a node rejects maxmemory-policy %s at start', async (evicting) => {
  await expect(startOn('--maxmemory', '8mb', '--maxmemory-policy', evicting)).rejects.toMatchObject({
    // Exit code 1 is permanent: a restart with the same Redis would fail again.
    exitCode: 1,
    message: expect.stringContaining(`maxmemory-policy ${evicting}`),
  })
})

test('an eviction policy without a memory limit is accepted', async () => {
  const node = await startOn('--maxmemory', '0', '--maxmemory-policy', 'allkeys-lru')
  expect(await node.stop()).toBe(0)
})
