import { expect, test } from 'vitest'
import type { Span } from '../../../gateway/telemetry/span.ts'
import { RecentTraces } from '../../../gateway/traces/recent-traces.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// Processes write what they recorded every half second, one after the other: the stream is not in order of time.

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

test('recent traces are sorted by their start, also when they were written in another order', async () => {
  const first = Date.now() - 1000
  // More than is read in one go, so that the newest is among those that are read last.
  await write(first + 900, ...Array.from({ length: 300 }, (_, i) => first + i))
  const recent = new RecentTraces({ link, max: 10_000, log: () => undefined })
  const begins = () =>
    recent
      .find(() => true, 3)
      .then(
        (found) => found.map(([{ startMs }]) => startMs - first),
        () => undefined,
      )

  // Its connection may be a moment away.
  await expect.poll(begins).toEqual([900, 299, 298])
})
