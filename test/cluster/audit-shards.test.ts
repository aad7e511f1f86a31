import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { AuditWriter } from '../kit/audit-writer.ts'
import { atEnd } from '../kit/cleanup.ts'
import { nodeTimeoutMs, testRedisCluster } from '../kit/redis-cluster.ts'
import { startShipping } from '../kit/shipping-worker.ts'
import { until } from '../kit/until.ts'

// In a Redis Cluster the audit log has 16 shards. Workers ship the records of each shard in order, even if a master is
// killed.

test('workers send all records of three audit shards to the sink, each shard in order, although a Redis Cluster master is killed', {
  timeout: 300_000,
}, async () => {
  const cluster = await testRedisCluster()
  const file = join(mkdtempSync(join(tmpdir(), 'gatehouse-archive-')), 'audit.ndjson')
  atEnd(() => rmSync(dirname(file), { recursive: true, force: true }))
  const redis = { cluster: { hosts: cluster.hosts }, cluster_node_timeout: `${nodeTimeoutMs}ms` }
  await startShipping(redis, { archive: { type: 'file', path: file } })
  const writers = [3, 7, 15].map((shard) => new AuditWriter(cluster.hosts, `node-${shard}.abc`, shard))
  const shipped = (): string[] =>
    (existsSync(file) ? readFileSync(file, 'utf8') : '')
      .split('\n')
      .filter((line) => line.startsWith('{"id"'))
      .map((line) => JSON.parse(line).id)
  const allShipped = () =>
    until(
      'all records are in the archive',
      () => new Set(shipped()).size === writers.flatMap(({ ids }) => ids).length,
      60_000,
    )

  for (const writer of writers) for (let i = 0; i < 5; i++) await writer.write(20)
  await allShipped()
  await cluster.killMasterOf('gh:{a7}:log')
  for (const writer of writers) for (let i = 0; i < 5; i++) await writer.write(20)
  await allShipped()
  for (const { ids } of writers) {
    expect([...new Set(shipped().filter((id) => ids.includes(id)))]).toEqual(ids)
  }
})
