import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { AuditLog } from '../../../gateway/audit/audit-log.ts'
import { Chain } from '../../../gateway/audit/chain.ts'
import { LogReader, logStart } from '../../../gateway/audit/log-reader.ts'
import { Outbox } from '../../../gateway/audit/outbox.ts'
import { Spill } from '../../../gateway/audit/spill.ts'
import { reportTaskFailures, taskFailures } from '../../../gateway/base/supervisor.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { auditLines } from '../../kit/audit-records.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { documentedAcl } from '../../kit/documented-acl.ts'
import { redisSettingsFor, testLink, testRedis, untilReady } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

// Tests of the outbox of the audit log. When Redis refuses writes, is full, or the log is above its limit, batches go
// to the spill, and later from the spill to Redis.

const redis = await testRedis()
const link = await testLink(redisSettingsFor(redis.port))
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-outbox-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

afterEach(() => void vi.useRealTimers())

let spills = 0

interface Given {
  readonly through?: RedisLink
  readonly redisMaxBytes?: number
  /** Size limit of the outbox memory and, separately, of the spill, bytes. Default: 1 MiB. */
  readonly roomBytes?: number
  /** Called when batches have left the memory of the outbox. */
  readonly roomy?: () => void
}

/** Starts an outbox with its own chain and an empty audit log. */
async function started({
  through = link,
  redisMaxBytes = 1024 ** 3,
  roomBytes = 1024 ** 2,
  roomy = () => undefined,
}: Given = {}) {
  await link.store.call('DEL', link.keys.auditLog(0), link.keys.auditHead(0))
  const client = through.client('log', 'outbox')
  await untilReady(client)
  const said: string[] = []
  const outbox = new Outbox({
    log: new AuditLog(client, through, 0),
    spill: new Spill(join(folder, `${++spills}`), roomBytes),
    redisMaxBytes,
    memoryBytes: roomBytes,
    warn: (_, message) => said.push(message),
    saw: () => undefined,
    roomy,
  })
  const chain = new Chain('n1', undefined)
  const push = (count: number, bytes = 16): void => {
    for (let i = 0; i < count; i++) {
      chain.add(`"time":"","kind":"exchange","url.path":"${randomBytes(bytes).toString('base64url')}"}`)
      outbox.push(chain.seal())
    }
  }
  return { outbox, push, said, numbers: async () => (await auditLines(link)).map(({ record }) => numberOf(record.id)) }
}

const usedBytes = async () => Number(/used_memory:(\d+)/.exec(String(await link.store.call('INFO', 'memory')))![1])
const numberOf = (id: string) => Number(id.split('-').at(-1))
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

test('above the memory limit of the audit log, a node writes audit batches to its spill folder instead of dropping them, and later moves them to Redis in order', async () => {
  const { outbox, push, said, numbers } = await started({ redisMaxBytes: 30_000 })
  push(20)
  await expect.poll(numbers).toEqual(upTo(20))
  let pushed = 20
  // The outbox measures the size of the log once a second.
  while (outbox.status.spillBytes === 0 && pushed < 500) {
    push(5)
    pushed += 5
    await sleep(50)
  }
  expect(await numbers()).not.toContain(pushed)
  expect(outbox.status.away).toContain('audit.redis_max')

  await link.store.call('XTRIM', link.keys.auditLog(0), 'MAXLEN', 1)
  await expect.poll(async () => (await numbers()).at(-1)).toBe(pushed)
  const [first, ...rest] = await numbers()
  expect(rest).toEqual(upTo(pushed).slice(first))
  expect(said).toEqual(['audit records cannot be written to Redis', 'audit records are written to Redis again'])
  expect(await outbox.close(1000)).toBe(0)
})

test('when Redis is out of memory, a node keeps whole audit batches and writes them when Redis has memory again', async () => {
  const { outbox, push, numbers } = await started()
  push(2)
  await expect.poll(numbers).toEqual([1, 2])
  await link.store.call('CONFIG', 'SET', 'maxmemory', '100kb')
  push(3)
  await expect.poll(() => outbox.status.away).toContain('OOM')
  await link.store.call('CONFIG', 'SET', 'maxmemory', '0')
  await expect.poll(numbers).toEqual(upTo(5))
  expect(await outbox.close(1000)).toBe(0)
})

test('a node writes its audit batches to Redis again, although its clock was an hour ahead when Redis refused them', async () => {
  const { outbox, push, numbers } = await started()
  await link.store.call('CONFIG', 'SET', 'maxmemory', '100kb')
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
  push(3)
  await until('Redis has refused a batch', () => outbox.status.away?.includes('OOM') === true)
  vi.useRealTimers()
  await link.store.call('CONFIG', 'SET', 'maxmemory', '0')
  await until('all batches are in Redis', async () => (await numbers()).length === 3)
  expect(await numbers()).toEqual(upTo(3))
  expect(await outbox.close(1000)).toBe(0)
})

test('a node stops writing to the audit log above nine tenths of the memory of Redis, so that other keys can still be written', async () => {
  const { outbox, push, numbers } = await started()
  push(2)
  await expect.poll(numbers).toEqual([1, 2])
  await link.store.call('CONFIG', 'SET', 'maxmemory', Math.ceil((await usedBytes()) / 0.92))
  push(3)
  await expect.poll(() => outbox.status.away).toContain('nine tenths')
  expect(await link.store.call('SET', 'gh:job', 'x'.repeat(1000))).toBe('OK')
  expect(await numbers()).toEqual([1, 2])

  await link.store.call('CONFIG', 'SET', 'maxmemory', '0')
  await expect.poll(numbers).toEqual(upTo(5))
  expect(await outbox.close(1000)).toBe(0)
})

test('the ACL in docs/guide/redis.md is sufficient for the audit log', async () => {
  await link.store.call('ACL', 'SETUSER', 'auditor', 'on', '>secret', ...documentedAcl())
  await link.store.call('ACL', 'LOG', 'RESET')
  const narrow = await testLink(redisSettingsFor(redis.port, { username: 'auditor', password: 'secret' }))
  const { outbox, push, said, numbers } = await started({ through: narrow })
  push(3)
  await expect.poll(numbers).toEqual(upTo(3))
  expect(await new LogReader(narrow.store, narrow.keys, 0).after(logStart, 10)).toHaveLength(3)
  const log = new AuditLog(narrow.store, narrow, 0)
  expect([await log.head(), await log.size(), [...(await log.trimmed())]]).toEqual([
    expect.objectContaining({ last: 3 }),
    expect.any(Number),
    [],
  ])
  expect(said).toEqual([])
  expect(await link.store.call('ACL', 'LOG')).toEqual([])
  expect(await outbox.close(1000)).toBe(0)
})

test('when the Redis user of a node is not allowed to measure the audit log (MEMORY USAGE), the node still writes audit records and logs a warning', async () => {
  await link.store.call('ACL', 'SETUSER', 'blind', 'on', '>secret', '~gh:*', '&gh:*', '+@all', '-memory')
  const narrow = await testLink(redisSettingsFor(redis.port, { username: 'blind', password: 'secret' }))
  const { outbox, push, said, numbers } = await started({ through: narrow, redisMaxBytes: 1 })
  push(3)
  await expect.poll(numbers).toEqual(upTo(3))
  expect(said).toEqual(['the size of the audit log cannot be measured: audit.redis_max is not enforced'])
  expect(await outbox.close(1000)).toBe(0)
})

/** Bytes of a record: much more than the memory use of an idle Redis varies. */
const RECORD_BYTES = 64 * 1024

test('when Redis loses audit batches, a node writes them again in order, even if Redis runs out of memory halfway and loses them a second time', async () => {
  const limitMemory = (bytes: number) => link.store.call('CONFIG', 'SET', 'maxmemory', Math.ceil(bytes))
  const forget = () => link.store.call('DEL', link.keys.auditLog(0))
  const halfTaken = async () => {
    const given = await started({ roomBytes: 16 * 1024 ** 2 })
    const { outbox, push, numbers } = given
    const startedMs = performance.now()
    push(24, RECORD_BYTES)
    await expect.poll(numbers).toEqual(upTo(24))
    await limitMemory(100 * 1024)
    push(1)
    await expect.poll(() => outbox.status.away).toContain('OOM')
    // The outbox keeps a batch for 3 s after Redis has accepted the batch.
    const firstInTime = performance.now() - startedMs < 2500
    await forget()
    const restoredMs = performance.now()
    await limitMemory(((await usedBytes()) + 12 * RECORD_BYTES) / 0.9)
    await expect.poll(async () => (await numbers()).length).toBeGreaterThan(0)
    const refused = () => outbox.status.away?.includes('OOM') === true
    await until('Redis is full again, or has all records', async () => refused() || (await numbers()).includes(25))
    const taken = await numbers()
    await forget()
    const secondInTime = performance.now() - restoredMs < 2500
    if (firstInTime && secondInTime && taken.length > 1 && !taken.includes(24)) return given
    // Repeats the attempt when a busy machine took longer, or when the memory use of Redis varied by more than the
    // records.
    await limitMemory(0)
    await outbox.close(1000)
    return halfTaken()
  }
  const { outbox, numbers } = await halfTaken()

  await limitMemory(0)
  await expect.poll(numbers).toEqual(upTo(25))
  expect(await outbox.close(1000)).toBe(0)
})

test('a node delivers an audit batch above 4 MiB and the batches after it', async () => {
  const { outbox, push, said } = await started({ roomBytes: 32 * 1024 ** 2 })
  push(1, 5 * 1024 ** 2)
  push(2)
  await expect.poll(() => outbox.status).toMatchObject({ batches: 3, memoryBytes: 0 })
  expect(said).toEqual([])
  expect(await outbox.close(1000)).toBe(0)
})

test('after an error during a delivery of audit batches, a node reports the error, restarts the delivery, and delivers every batch', async () => {
  const reports: string[] = []
  reportTaskFailures((task, fault) => reports.push(`${task}: ${fault}`))
  let faults = 0
  const { outbox, push, numbers } = await started({
    roomy: () => {
      if (++faults <= 2) throw new Error('a fault of the outbox')
    },
  })
  push(3)
  await expect.poll(numbers).toEqual(upTo(3))
  await expect.poll(() => outbox.status.memoryBytes).toBe(0)
  expect(reports[0]).toContain('audit-outbox: Error: a fault of the outbox')
  expect(taskFailures().get('audit-outbox')).toBeGreaterThanOrEqual(2)
  expect(await outbox.close(1000)).toBe(0)
})

test('the audit outbox (queue of batches for Redis) can be closed while the delivery of every batch fails', async () => {
  const { outbox, push } = await started({
    roomy: () => {
      throw new Error('a fault of the outbox')
    },
  })
  push(2)
  expect(await outbox.close(100)).toBeGreaterThanOrEqual(0)
})
