// Connections to a Redis Cluster that are opened anew, as when a server no longer answers.

import type { Cluster } from 'ioredis'
import { expect, test } from 'vitest'
import { redisSettingsFor, testLink } from '../../kit/redis.ts'
import { nodeTimeoutMs, testRedisCluster } from '../../kit/redis-cluster.ts'
import { until } from '../../kit/until.ts'

const keyOfSlot0 = 'gh:{3560}'

// The driver takes a server that it is redirected to into the pool that it is emptying, and waits for ever for that one
// to end: a node stayed without contact after a master had died.
test('a cluster connection that is redirected during its disconnect is established again', async () => {
  const redis = await testRedisCluster()
  const hosts = redis.hosts.map((at) => ({ host: at.split(':')[0]!, port: Number(at.split(':')[1]) }))
  const link = await testLink(redisSettingsFor(0, { place: { topology: 'cluster', hosts, nodeTimeoutMs } }))
  const driver = link.queueConnection('producer', 'redirected') as Cluster
  await until('the connection is established', () => driver.status === 'ready')
  // One that has not connected yet would end at once.
  await Promise.all(driver.nodes().map((node) => node.ping()))

  driver.slots[0] = driver.slots.at(-1)!
  const redirected = driver.call('GET', keyOfSlot0).catch(String)
  driver.disconnect(true)
  // All replies are there when the first is read, which as a rule is this one.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)

  await redirected
  await until('the connection is established again', () => driver.status === 'ready')
  expect(await driver.call('GET', keyOfSlot0)).toBe(null)
})
