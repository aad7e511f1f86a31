import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AuditLog } from '../../../gateway/audit/audit-log.ts'
import { AuditTrail } from '../../../gateway/audit/audit-trail.ts'
import { recordsOf } from '../../../gateway/audit/batch.ts'
import { LogReader, logStart } from '../../../gateway/audit/log-reader.ts'
import { recordLine } from '../../../gateway/audit/record-line.ts'
import { Spill } from '../../../gateway/audit/spill.ts'
import { auditLines } from '../../kit/audit-records.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis, untilReady } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

// Tests of the audit trail while Redis refuses writes: sealed batches of records wait in the outbox, further records
// wait in a queue before the outbox.

const MIB = 1024 ** 2

const redis = await testRedis()
const link = await testLink(redisSettingsFor(redis.port))

/** Starts an audit trail with an empty audit log. */
async function startedTrail(memoryBytes: number, spill?: Spill) {
  await link.store.call('DEL', link.keys.auditLog(0), link.keys.auditHead(0))
  const client = link.client('log', 'trail')
  await untilReady(client)
  const said: string[] = []
  const trail = new AuditTrail({
    node: { id: 'n1', version: '0' },
    key: undefined,
    log: new AuditLog(client, link, 0),
    spill,
    redisMaxBytes: 1024 * MIB,
    memoryBytes,
    warn: (_, message) => said.push(message),
  })
  return { trail, said }
}

/** Returns an audit record that compression does not make smaller. */
function largeRecord(bytes: number): string {
  return recordLine('exchange', 0, {}).replace(
    /\}$/,
    `,"url.path":"${randomBytes(bytes * 0.75).toString('base64url')}"}`,
  )
}

test('audit records that waited while Redis refused writes are sealed in batches of at most 500 records and 512 KiB', async () => {
  const { trail, said } = await startedTrail(MIB)
  await link.store.call('CLIENT', 'PAUSE', '60000', 'WRITE')
  let added = 0
  // Batches of about 1 MiB wait in the outbox; the other records wait in the queue of the trail.
  for (; added < 800; added++) trail.add(largeRecord(8000), true)
  for (; added < 3000; added++) trail.add(largeRecord(100), true)
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

test('while Redis refuses writes, at most a part of the audit memory holds records of refused requests, so that 2,000 records of admitted requests still fit', async () => {
  const { trail, said } = await startedTrail(2 * MIB)
  await link.store.call('CLIENT', 'PAUSE', '60000', 'WRITE')
  // Records of refused requests fill their half of the outbox and of the queue.
  for (let i = 0; i < 6000; i++) trail.add(largeRecord(4000), false)
  const lostCommon = trail.status.lost
  expect(lostCommon).toBeGreaterThan(0)
  expect(trail.status.memory_bytes).toBeLessThan(1.6 * MIB)
  // 2,048 records and 4 MiB of the queue remain for records of admitted requests, even when the outbox is full.
  for (let i = 0; i < 2000; i++) trail.add(largeRecord(500), true)
  expect(trail.status.lost).toBe(lostCommon)
  expect(trail.reserve()).toBe(true)
  trail.add(largeRecord(500), true, true)
  expect(trail.status.lost).toBe(lostCommon)
  trail.add(largeRecord(500), false)
  expect(trail.status.lost).toBe(lostCommon + 1)
  expect(said.filter((message) => message.startsWith('audit records'))).toEqual([
    'audit records of rejected requests are lost: Redis does not accept them in time, and the memory or spill for them is full',
  ])
  await link.store.call('CLIENT', 'UNPAUSE')
  await until('all records in Redis', () => trail.status.oldest_unsent_ms === 0)
  await trail.close()
})

test('while Redis refuses writes, audit records of admitted requests can use all memory for unwritten audit records if no records of refused requests exist', async () => {
  const { trail } = await startedTrail(MIB)
  await link.store.call('CLIENT', 'PAUSE', '60000', 'WRITE')
  let added = 0
  while (trail.status.lost === 0 && added < 50_000) {
    trail.add(largeRecord(500), true)
    added++
  }
  // The outbox holds 1 MiB of compressed records, the queue 4,096 records.
  expect(added).toBeGreaterThan(4096 + 1500)
  trail.add(largeRecord(500), false)
  expect(trail.status.lost).toBe(2)
  await link.store.call('CLIENT', 'UNPAUSE')
  await trail.close()
})

test('the audit trail writes the summary records of refused requests before the record that closes its chain', async () => {
  const { trail } = await startedTrail(MIB)
  const address = Uint8Array.from([192, 0, 2, 1])
  let single = 0
  for (let i = 0; i < 50; i++)
    if (!trail.aggregate({ address, reason: 'route-unknown', id: `r${i}`, nowMs: 0 })) single++
  expect(single).toBe(20)
  await trail.close()
  const records = (await auditLines(link)).map(({ record }) => [record.kind, record['gatehouse.refusals']])
  expect(records).toEqual([
    ['refusals', 30],
    ['chain.close', undefined],
  ])
})

test('audit records of refused requests fill only a part of the audit spill folder: 1,000 records of admitted requests still fit, and once workers have shipped the folder, records of refused requests are accepted again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-trail-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const spill = new Spill(folder, 8 * MIB)
  const { trail } = await startedTrail(MIB, spill)
  await link.store.call('CLIENT', 'PAUSE', '60000', 'WRITE')
  await until('half of the spill is used', async () => {
    for (let i = 0; i < 50; i++) trail.add(largeRecord(4000), false)
    await setImmediate()
    return trail.status.lost > 0 && spill.bytes > 4 * MIB
  })
  // Batches that were sealed before the limit was reached can still be written to the spill.
  expect(spill.bytes).toBeLessThan(6 * MIB)
  const { lost } = trail.status
  for (let i = 0; i < 1000; i++) trail.add(largeRecord(500), true)
  expect(trail.status.lost).toBe(lost)
  await link.store.call('CLIENT', 'UNPAUSE')
  await until('the spill is shipped', () => spill.empty && trail.status.oldest_unsent_ms === 0)
  await until('a record of a refused request is accepted again', () => {
    const before = trail.status.lost
    trail.add(largeRecord(500), false)
    return trail.status.lost === before
  })
  await trail.close()
})
