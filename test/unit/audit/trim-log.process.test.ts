import { expect, test } from 'vitest'
import { LogTrimmer } from '../../../gateway/audit/log-trimmer.ts'
import { AuditWriter } from '../../kit/audit-writer.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// The log keeps what a sink has yet to take, and of the rest what is young, while there is room.

const { port } = await testRedis()
const link = await testLink(redisSettingsFor(port))
const writer = new AuditWriter(port)
const log = 'gh:{a0}:log'
const cursors = 'gh:{a0}:cursors'
const day = 86_400_000

/** @returns entries that are left of ten, which one of `taken` sinks has up to the given one */
async function left(
  taken: Record<string, number>,
  recentMs: number,
  sinks: string[] = [],
  maxBytes = 1e9,
): Promise<number> {
  await writer.redis.del(log, cursors)
  const ids: string[] = []
  for (let i = 0; i < 10; i++) ids.push(await writer.write(3))
  // Entries of the same ms count as young until it is over.
  await new Promise((resolve) => setTimeout(resolve, 5))
  for (const [sink, count] of Object.entries(taken)) {
    await writer.redis.hset(cursors, sink, count === 0 ? '0-0' : ids[count - 1]!)
  }
  await new LogTrimmer({ client: link.store, keys: link.keys, shard: 0, recentMs, maxBytes, sinks }).trim()
  return writer.redis.xlen(log)
}

test.each([
  { what: 'all sinks have taken some', taken: { a: 7, b: 4 }, recentMs: 0, left: 6 },
  { what: 'a sink has taken none', taken: { a: 10, b: 0 }, recentMs: 0, left: 10 },
  { what: 'a sink of the settings has not begun', taken: { a: 10 }, sinks: ['a', 'new'], recentMs: 0, left: 10 },
  { what: 'all is taken, and young', taken: { a: 10 }, recentMs: day, left: 10 },
  { what: 'all is taken and young, and there is no room', taken: { a: 8 }, recentMs: day, maxBytes: 10, left: 2 },
  { what: 'there is no sink, and all is young', taken: {}, recentMs: day, left: 10 },
  { what: 'there is no sink, and nothing is young', taken: {}, recentMs: 0, left: 0 },
  { what: 'there is no room, and nothing is taken', taken: { a: 0 }, recentMs: 0, maxBytes: 10, left: 10 },
])('trimming leaves $left of 10 entries when $what', async ({ taken, recentMs, sinks, maxBytes, left: expected }) => {
  expect(await left(taken, recentMs, sinks, maxBytes)).toBe(expected)
})

test('trimming stores where the rest of a chain continues: the last dropped number and the previous hash', async () => {
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

test('trimming deletes the oldest marks when the marks of more than 10,000 chains are stored', async () => {
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
