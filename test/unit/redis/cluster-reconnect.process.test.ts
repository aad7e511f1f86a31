// Connections to a Redis Cluster that are opened again, for example after a server stops replying.

import type { Cluster } from 'ioredis'
import { expect, test } from 'vitest'
import { redisSettingsFor, testLink } from '../../kit/redis.ts'
import { nodeTimeoutMs, testRedisCluster } from '../../kit/redis-cluster.ts'
import { until } from '../../kit/until.ts'

const keyOfSlot0 = 'gh:{3560}'

// When a Redis Cluster redirects a call while the Redis driver closes its connections, the driver connects to the new
// server and waits forever for the end of that connection. Because of this, a node stayed without a Redis connection
// after a master had died.
test('if a call on a Redis Cluster connection is redirected during a disconnect, the connection is established again', async () => {
  const redis = await testRedisCluster()
  const hosts = redis.hosts.map((at) => ({ host: at.split(':')[0]!, port: Number(at.split(':')[1]) }))
  const link = await testLink(redisSettingsFor(0, { place: { topology: 'cluster', hosts, nodeTimeoutMs } }))
  const driver = link.queueConnection('producer', 'redirected') as Cluster
  await until('the connection is established', () => driver.status === 'ready')
  // A connection that is not established yet would end immediately.
  await Promise.all(driver.nodes().map((node) => node.ping()))

  driver.slots[0] = driver.slots.at(-1)!
  const redirected = driver.call('GET', keyOfSlot0).catch(String)
  driver.disconnect(true)
  // Blocks the process for 300 ms, so that all replies have arrived when the first one is read. The first one is
  // usually the reply to `GET`.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)

  await redirected
  await until('the connection is established again', () => driver.status === 'ready')
  expect(await driver.call('GET', keyOfSlot0)).toBe(null)
})
