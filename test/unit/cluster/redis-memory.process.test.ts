// The metrics of the memory of Redis, with a real Redis and a real Redis Cluster.

import { expect, test } from 'vitest'
import { RedisMemory } from '../../../gateway/cluster/redis-memory.ts'
import { Metrics } from '../../../gateway/telemetry/metrics.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { nodeTimeoutMs, testRedisCluster } from '../../kit/redis-cluster.ts'
import { until } from '../../kit/until.ts'

/** Starts to read the memory. @returns a function that returns the metric `name`; `undefined` while it is absent */
function watched(servers: ConstructorParameters<typeof RedisMemory>[0]): (name: string) => number | undefined {
  const memory = new RedisMemory(servers)
  atEnd(() => memory.close())
  return (name) => {
    const [, value] = new RegExp(`^gatehouse_redis_${name} (\\d+)$`, 'm').exec(new Metrics([memory]).text()) ?? []
    return value === undefined ? undefined : Number(value)
  }
}

test('the metrics show the memory that Redis uses and its limit', async () => {
  const { port } = await testRedis()
  const link = await testLink(redisSettingsFor(port))
  await link.store.call('CONFIG', 'SET', 'maxmemory', '67108864')

  const metric = watched(link.store)
  await until('the memory of Redis', () => metric('memory_bytes') !== undefined)

  expect(metric('memory_bytes')).toBeGreaterThan(100_000)
  expect(metric('memory_max_bytes')).toBe(67_108_864)
})

test('the metrics of a Redis Cluster show the master that uses the largest share of its limit', async () => {
  const { hosts: addresses } = await testRedisCluster()
  const hosts = addresses.map((at) => ({ host: at.split(':')[0]!, port: Number(at.split(':')[1]) }))
  const link = await testLink(redisSettingsFor(0, { place: { topology: 'cluster', hosts, nodeTimeoutMs } }))
  const masters = await link.store.callMasters('INFO', 'memory')
  await link.store.callBeside('key', 'CONFIG', 'SET', 'maxmemory', '33554432')

  const metric = watched(link.store)
  await until('the memory of Redis', () => metric('memory_bytes') !== undefined)

  expect(masters).toHaveLength(3)
  expect(metric('memory_max_bytes')).toBe(33_554_432)
})

test('the memory metrics are absent when Redis does not answer', async () => {
  const { port, stop } = await testRedis()
  const link = await testLink(redisSettingsFor(port))
  await stop()
  const { promise: failed, resolve } = Promise.withResolvers<void>()

  const metric = watched({
    callMasters: (...words) => link.store.callMasters(...words).finally(resolve),
  })
  await failed

  expect([metric('memory_bytes'), metric('memory_max_bytes')]).toEqual([undefined, undefined])
})
