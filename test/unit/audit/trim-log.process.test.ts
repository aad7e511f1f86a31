import { expect, test } from 'vitest'
import { LogTrimmer } from '../../../gateway/audit/log-trimmer.ts'
import { AuditWriter } from '../../kit/audit-writer.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// Trimming keeps the audit log entries that a sink has not shipped yet, and recent entries while there is space.

const { port } = await testRedis()
const link = await testLink(redisSettingsFor(port))
const writer = new AuditWriter(port)
const log = 'gh:{a0}:log'
const cursors = 'gh:{a0}:cursors'
const day = 86_400_000

/**
 * Trims a log of ten entries. @param taken  number of entries that each sink has shipped. @returns the number of
 * entries left
 */
async function left(
  taken: Record<string, number>,
  recentMs: number,
  sinks: string[] = [],
  maxBytes = 1e9,
): Promise<number> {
  await writer.redis.del(log, cursors)
  const ids: string[] = []
  for (let i = 0; i < 10; i++) ids.push(await writer.write(3))
  // Entries that were written in the current millisecond count as young.
  await new Promise((resolve) => setTimeout(resolve, 5))
  for (const [sink, count] of Object.entries(taken)) {
    await writer.redis.hset(cursors, sink, count === 0 ? '0-0' : ids[count - 1]!)
  }
  await new LogTrimmer({ client: link.store, keys: link.keys, shard: 0, recentMs, maxBytes, sinks }).trim()
  return writer.redis.xlen(log)
}

test.each([
  { what: 'all sinks have shipped some entries', taken: { a: 7, b: 4 }, recentMs: 0, left: 6 },
  { what: 'a sink has shipped no entry', taken: { a: 10, b: 0 }, recentMs: 0, left: 10 },
  {
    what: 'a sink of the settings has not started to ship',
    taken: { a: 10 },
    sinks: ['a', 'new'],
    recentMs: 0,
    left: 10,
  },
  { what: 'all entries are shipped and young', taken: { a: 10 }, recentMs: day, left: 10 },
  {
    what: 'most entries are shipped, all are young, and there is no space',
    taken: { a: 8 },
    recentMs: day,
    maxBytes: 10,
    left: 2,
  },
  { what: 'there is no sink and all entries are young', taken: {}, recentMs: day, left: 10 },
  { what: 'there is no sink and no entry is young', taken: {}, recentMs: 0, left: 0 },
  { what: 'there is no space and no entry is shipped', taken: { a: 0 }, recentMs: 0, maxBytes: 10, left: 10 },
])(
  'trimming the audit log leaves $left of 10 entries when $what',
  async ({ taken, recentMs, sinks, maxBytes, left: expected }) => {
    expect(await left(taken, recentMs, sinks, maxBytes)).toBe(expected)
  },
)

test('trimming the audit log stores the last dropped record number and hash of each chain', async () => {
  await left({ a: 4 }, 0)
  const [[, fields]] = (await writer.redis.xrange(log, '-', '+', 'COUNT', 1)) as [[string, string[]]]
  const { chain, first, previous } = JSON.parse(fields[1]!)

  expect(await writer.redis.hget('gh:{a0}:trimmed', chain)).toMatch(new RegExp(`^${first - 1}:${previous}:\\d{13}$`))
})

test('trimming drops a forged entry of the audit log like every other entry', async () => {
  await writer.redis.del(log, cursors)
  await writer.redis.xadd(log, '*', 'seal', '{"chain":{},"last":"x"}')
  await writer.redis.xadd(log, '*', 'a', '\u0000')
  await new Promise((resolve) => setTimeout(resolve, 5))
  const trimmer = { client: link.store, keys: link.keys, shard: 0, recentMs: 0, maxBytes: 1e9, sinks: [] }

  expect(await new LogTrimmer(trimmer).trim()).toBe(2)
})

test('trimming the audit log deletes the oldest trim marks (number and hash of the last dropped record of a chain) when more than 10,000 are stored', async () => {
  const marks = 'gh:{a0}:trimmed'
  const old = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`n${i}.0`, `1:${'0'.repeat(64)}:${i}`]))
  await writer.redis.hset(marks, old)
  await left({}, 0)
  const kept = await writer.redis.hkeys(marks)

  expect(kept).toHaveLength(9000)
  expect(kept).toEqual(expect.arrayContaining(['node-1.0123456789ab', 'n9999.0']))
  expect(kept).not.toContain('n0.0')
  await writer.redis.del(marks)
})
