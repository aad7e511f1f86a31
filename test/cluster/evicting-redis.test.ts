import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { testRedis } from '../kit/redis.ts'

// A Redis that can evict keys would lose revocations, so a node refuses to start with it.

const policy = testPolicy({ issuer: 'http://127.0.0.1:1', orders: 'http://127.0.0.1:1' })
const startOn = async (...words: string[]) => {
  const { url } = await testRedis({ arguments: words })
  return startNode({ policy, settings: { redis: { url } } })
}

test.each(['volatile-ttl', 'allkeys-lru'])(
  'a node does not start with a Redis that has a memory limit and maxmemory-policy %s',
  async (evicting) => {
    await expect(startOn('--maxmemory', '8mb', '--maxmemory-policy', evicting)).rejects.toMatchObject({
      // Exit code 1 means a permanent fault: a restart with the same Redis would fail again.
      exitCode: 1,
      message: expect.stringContaining(`maxmemory-policy ${evicting}`),
    })
  },
)

test('a node starts with a Redis that has an eviction policy but no memory limit', async () => {
  const node = await startOn('--maxmemory', '0', '--maxmemory-policy', 'allkeys-lru')
  await node.stop()
})
