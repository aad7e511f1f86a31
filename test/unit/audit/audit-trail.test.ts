import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { AuditLog } from '../../../gateway/audit/audit-log.ts'
import { AuditTrail } from '../../../gateway/audit/audit-trail.ts'
import { recordsOf } from '../../../gateway/audit/batch.ts'
import { LogReader, logStart } from '../../../gateway/audit/log-reader.ts'
import { recordLine } from '../../../gateway/audit/record-line.ts'
import { redisSettingsFor, testLink, testRedis, untilReady } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

// The trail between the exchanges and the outbox: what waits while Redis refuses writes.

const MIB = 1024 ** 2

const redis = await testRedis()
const link = await testLink(redisSettingsFor(redis.port))

/** A trail without a spill, in an empty log. */
async function startedTrail(memoryBytes: number) {
  await link.store.call('DEL', link.keys.auditLog(0), link.keys.auditHead(0))
  const client = link.client('log', 'trail')
  await untilReady(client)
  const said: string[] = []
  const trail = new AuditTrail({
    node: { id: 'n1', version: '0' },
    key: undefined,
    log: new AuditLog(client, link, 0),
    spill: undefined,
    redisMaxBytes: 1024 * MIB,
    memoryBytes,
    warn: (_, message) => said.push(message),
  })
  return { trail, said }
}

/** A record that does not get smaller when it is compressed. */
function largeRecord(bytes: number): string {
  return recordLine('exchange', 0, {}).replace(
    /\}$/,
    `,"url.path":"${randomBytes(bytes * 0.75).toString('base64url')}"}`,
  )
}

test('records that waited while Redis refused writes are sealed in batches of at most 500 records and 512 KiB', async () => {
  const { trail, said } = await startedTrail(MIB)
  await link.store.call('CLIENT', 'PAUSE', '60000', 'WRITE')
  let added = 0
  // One MiB waits in the outbox, the rest in the trail.
  for (; added < 800; added++) trail.add(largeRecord(8000))
  for (; added < 3000; added++) trail.add(largeRecord(100))
  await link.store.call('CLIENT', 'UNPAUSE')

  const reader = new LogReader(link.store, link.keys, 0)
  const numbers: number[] = []
  const sizes: { records: number; bytes: number }[] = []
  let read = logStart
  await until('all records in the log', async () => {
    for (const { id, batch } of await reader.after(read, 100)) {
      read = id
      if (typeof batch === 'string') throw new Error(batch)
      const lines = recordsOf(batch)
      if (typeof lines === 'string') throw new Error(lines)
      sizes.push({ records: lines.length, bytes: lines.reduce((sum, { line }) => sum + line.length + 1, 0) })
      numbers.push(...lines.map(({ record }) => Number(record.id.split('-').at(-1))))
    }
    return new Set(numbers).size >= added
  })
  expect([...new Set(numbers)]).toEqual(Array.from({ length: added }, (_, i) => i + 1))
  expect(Math.max(...sizes.map(({ records }) => records))).toBeLessThanOrEqual(500)
  expect(Math.max(...sizes.map(({ bytes }) => bytes))).toBeLessThanOrEqual(512 * 1024)
  expect(trail.status.lost).toBe(0)
  expect(said.filter((message) => message.includes('failed'))).toEqual([])
  await trail.close()
})
