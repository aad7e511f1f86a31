import { expect, test } from 'vitest'
import { redisServer } from '../../../gateway/doctor/checks/redis-server.ts'
import { redisCli } from '../../kit/redis-cli.ts'
import { testSentinel } from '../../kit/redis-sentinel.ts'
import { findingsOf } from './findings-of.ts'

// `gatehouse doctor` with a Redis whose master three real sentinels name.

const { sentinels, master, masterPort } = await testSentinel({ minReplicas: 1 })
const checks = [redisServer]
const settingsFor = (name: string) => ({
  redis: { sentinel: { hosts: sentinels, master: name }, min_replicas_max_lag: '5s' },
})

test.each([
  ['1', 'ok', 'set', null],
  [
    '0',
    'failed',
    'not set: an isolated master would accept writes that a failover loses',
    /^set min-replicas-to-write 1/,
  ],
])(
  '`gatehouse doctor` reports a Redis Sentinel master with min-replicas-to-write %s as %s',
  async (replicas, result, detail, remedy) => {
    await redisCli(await masterPort(), 'CONFIG', 'SET', 'min-replicas-to-write', replicas)
    const [connection, , minReplicas] = await findingsOf({ checks, settings: settingsFor(master) })

    expect(connection).toMatchObject({ subject: 'connection', result: 'ok' })
    expect(minReplicas).toMatchObject({ subject: 'min-replicas-to-write', result, detail })
    if (remedy === null) expect(minReplicas!.remedy).toBe(null)
    else expect(minReplicas!.remedy).toMatch(remedy)
  },
)

test('with a master name that no sentinel knows, `gatehouse doctor` reports the Redis connection as failed and min-replicas-to-write as unknown', async () => {
  const findings = await findingsOf({ checks, settings: settingsFor('unknown-master') })

  expect(findings).toMatchObject([
    { subject: 'connection', result: 'failed', remedy: expect.stringContaining('sentinel') },
    { subject: 'maxmemory-policy', result: 'unknown' },
    { subject: 'min-replicas-to-write', result: 'unknown' },
  ])
  expect(findings[0]!.detail).toContain('the sentinels know no master of this name: check redis.sentinel.master')
})
