import { afterEach, expect, test, vi } from 'vitest'
import { ANY_TIME, writeRecord } from '../../../gateway/revocation/record.ts'
import { RevocationStore } from '../../../gateway/revocation/revocation-store.ts'
import { Revocations } from '../../../gateway/revocation/revocations.ts'
import { clusterView } from '../../kit/cluster-view.ts'
import { foundEpoch } from '../../kit/node-cluster.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// A node removes expired revocations permanently. A wall clock that jumps ahead must not make a node remove revocations
// that have not expired.

const minuteMs = 60_000

afterEach(() => void vi.useRealTimers())

test('a node whose wall clock is one hour ahead for five minutes removes no revocation', async () => {
  const link = await testLink(redisSettingsFor((await testRedis()).port))
  await foundEpoch(link)
  const cluster = await clusterView(link, { id: 'jumping' })
  vi.useFakeTimers({ toFake: ['Date', 'setInterval'], now: Date.now() })
  const store = new RevocationStore(link.store, link.keys)
  const { freshness } = cluster
  const revocations = new Revocations({ store, freshness, maxStalenessMs: 1000, nowMs: () => cluster.agreedMs })
  cluster.register(revocations)
  cluster.start()
  for (let i = 0; i < 500 && !cluster.caughtUp; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(cluster.caughtUp).toBe(true)
  const startMs = Date.now()
  const endsS = Math.floor(startMs / 1000) + 600
  revocations.apply('revoked', writeRecord(Buffer.alloc(16, 7), ANY_TIME, endsS))
  expect(revocations.size).toBe(1)

  vi.setSystemTime(startMs + 60 * minuteMs)
  vi.advanceTimersByTime(5 * minuteMs)
  vi.setSystemTime(startMs)
  expect(revocations.size).toBe(1)
  revocations.close()
})
