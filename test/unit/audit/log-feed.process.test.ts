import { expect, test } from 'vitest'
import { followLog } from '../../../gateway/audit/log-feed.ts'
import { LogReader, logStart } from '../../../gateway/audit/log-reader.ts'
import { AuditWriter } from '../../kit/audit-writer.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// A client that reads the audit log from far back does not block the node: other work runs between two batches.

const { port } = await testRedis()
const link = await testLink(redisSettingsFor(port))

test('while a client follows the audit log, the node does other work between two batches', async () => {
  const writer = new AuditWriter(port)
  for (let i = 0; i < 20; i++) await writer.write(10)
  const reader = new LogReader(link.store, link.keys, 0)
  const ending = new AbortController()
  let turns = 0
  const count = (): void => {
    turns++
    if (!ending.signal.aborted) setImmediate(count)
  }
  const wanted = { fields: { 'user.id': 'nobody' } }
  const lines = followLog([reader], wanted, [{ id: logStart }], ending.signal)
  const entries = await reader.after(logStart, 20)
  // Counting starts after the reply of Redis, so that only the work after the reply is measured.
  reader.after = async (id) => {
    if (id !== logStart) return []
    count()
    return entries
  }
  await lines.next()
  ending.abort()

  expect(turns).toBeGreaterThan(19)
})
