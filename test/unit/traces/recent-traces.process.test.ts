import { expect, test } from 'vitest'
import type { Span } from '../../../gateway/telemetry/span.ts'
import { RecentTraces } from '../../../gateway/traces/recent-traces.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// Each process writes its traces every 500 ms, so the traces in the Redis stream are not ordered by start time.

const { port } = await testRedis()
const link = await testLink(redisSettingsFor(port))

const beganAt = (startMs: number): Span => ({
  traceId: startMs.toString(16).padStart(32, '0'),
  spanId: '00f067aa0ba902b7',
  parentId: '',
  remoteParent: false,
  links: [],
  name: 'GET /orders/**',
  kind: 'server',
  startMs,
  endMs: startMs + 1,
  attributes: {},
  error: undefined,
})

const write = (...begins: number[]) =>
  Promise.all(
    begins.map((each) => link.store.call('XADD', link.keys.traces, '*', 'spans', JSON.stringify([beganAt(each)]))),
  )

test('recent traces that were stored out of order are returned newest first by start time', async () => {
  const first = Date.now() - 1000
  // The trace records fill more than one page of 200, and the newest trace is on the last page.
  await write(first + 900, ...Array.from({ length: 300 }, (_, i) => first + i))
  const recent = new RecentTraces({ link, max: 10_000, log: () => undefined })
  const begins = () =>
    recent
      .find(() => true, 3)
      .then(
        (found) => found.map(([{ startMs }]) => startMs - first),
        () => undefined,
      )

  // The first attempts can fail, because the Redis connection is not open yet.
  await expect.poll(begins).toEqual([900, 299, 298])
})
