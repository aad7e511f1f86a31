// Start of the delivery of audit records while the worker connects to Redis.

import { expect, test } from 'vitest'
import { Secrets } from '../../../gateway/config/secrets.ts'
import { sinkEntry } from '../../../gateway/config/sinks/sink-kinds.ts'
import { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { AuditShipping } from '../../../workers/audit-shipping.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

test('a worker that starts before its connections to Redis are established registers its sinks without a warning', async () => {
  const settings = redisSettingsFor((await testRedis()).port)
  const reader = await testLink(settings)
  const lines: unknown[][] = []
  const log = (...line: unknown[]) => void lines.push(line)
  const link = new RedisLink(settings, log)
  const place = { file: undefined, line: undefined, column: undefined }
  const entry = sinkEntry.parse({ type: 'http', url: 'https://receiver.example/records' })
  const sinks = [{ name: 'receiver', entry, folder: '/', place }]

  const shipping = new AuditShipping({ sinks, secrets: new Secrets({ env: {}, log: () => {} }), link, log })
  atEnd(async () => {
    await shipping.close(0)
    await link.close()
  })
  expect(link.store.ready).toBe(false)
  shipping.start()
  await until('the sink is registered', async () => {
    return (await reader.store.call('HEXISTS', link.keys.auditCursors(0), 'receiver')) === 1
  })

  expect(lines.filter(([level]) => level === 'warn' || level === 'error')).toEqual([])
})
