// A hash that nodes fill one after the other must not stay in Redis for ever when a node dies between two commands.

import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { RevisionStore } from '../../../gateway/revisions/revision-store.ts'
import { RolloutStore } from '../../../gateway/revisions/rollout-store.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

const { port } = await testRedis()
const { store: client, keys } = await testLink(redisSettingsFor(port))
const votes = new RevisionStore(client, keys)
const counts = new RolloutStore(client, keys)

test.each([
  ['vote on a policy', keys.policyVotes('p1'), () => votes.vote('p1', 'n1', 'yes'), 60_000],
  ['request count of a rollout', keys.policyRolloutCounts(7), () => counts.report(7, 'n1', '5'), 3_600_000],
])('a %s and its expiry are written in one step', async (_, key, write, lifeMs) => {
  const connection = new Redis({ port, host: '127.0.0.1' })
  atEnd(() => connection.disconnect())
  const observer = await connection.monitor()
  atEnd(() => observer.disconnect())
  const seen: string[] = []
  observer.on('monitor', (_time: string, [command, name]: string[], source: string) => {
    if (name === key) seen.push(`${command!.toUpperCase()} ${source === 'lua' ? 'in a script' : 'alone'}`)
  })

  await write()

  await until('both commands', () => seen.length === 2)
  expect(seen).toEqual(['HSET in a script', 'PEXPIRE in a script'])
  expect(await client.call('PTTL', key)).toBeGreaterThan(lifeMs / 2)
})
