import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { mostForCertain, perfectLog } from '../../bench/harness/sliding-log.ts'
import { testRedis, untilReady } from '../kit/redis.ts'
import { admittedOf, load, type Sample, sendOne } from './limit-load.ts'
import { type LimitCluster, startLimitCluster, untilConnected } from './limit-nodes.ts'

// Rate limits with real node processes and a real Redis (docs/design/contract.md §7). Nodes never exceed a limit when
// nodes are killed, suspended or have a wrong clock, and admit nearly as many requests as an ideal limiter. `bench
// admission` measures the same at full size.

const limits = {
  ten: { requests: 10, window: '1s' },
  hundred: { requests: 100, window: '1s' },
  minute: { requests: 100, window: '60s' },
  leased: { requests: 400, window: '1s', mode: 'leased' },
  exact: { requests: 400, window: '1s', mode: 'exact' },
  killed: { requests: 400, window: '2s', mode: 'leased' },
  paused: { requests: 400, window: '2s', mode: 'leased' },
  back: { requests: 50, window: '2s' },
  clock: { requests: 400, window: '2s', mode: 'leased' },
  clockexact: { requests: 50, window: '2s' },
  frozen: { requests: 60_000, window: '60s' },
  empty: { requests: 100, window: '3s' },
}

let cluster: LimitCluster

beforeAll(async () => {
  cluster = await startLimitCluster({
    nodes: 4,
    limits,
    // The wall clock of the fourth node is set back by an hour.
    env: (i) => (i === 3 ? { NODE_OPTIONS: `--import ${clockSetBack()}` } : undefined),
  })
})

function clockSetBack(): string {
  const file = join(process.env['TMPDIR'] ?? '/tmp', `clock-${process.pid}.mjs`)
  writeFileSync(file, 'const now = Date.now\nDate.now = () => now() - 3_600_000\n')
  return file
}

/**
 * Minimum fraction of the admissions of an ideal limiter. The fraction is low because it depends on the speed of the
 * machine. test/unit/limits/lease-simulated.process.test.ts uses virtual time instead.
 */
const minimumFraction = 0.5

function expectWithinLimit(samples: readonly Sample[], limit: number, windowMs: number): void {
  // Excludes requests without a decision: the node was killed (status 0), or Redis missed its deadline (503).
  const decided = samples.filter(({ status }) => status !== 503 && status !== 0)
  // The node decided at an unknown time between request and reply. So the ideal limiter is computed for the times of
  // the requests and for the times of the replies, and the smaller number of admissions is used. On a busy machine,
  // nodes decide waiting requests in bursts, of which few can be admitted.
  const ideals = (['sentMs', 'repliedMs'] as const).map((time) => {
    const times = decided.map((sample) => sample[time])
    return perfectLog(
      times.toSorted((a, b) => a - b),
      limit,
      windowMs,
    ).length
  })

  expect(decided.filter(({ status }) => status !== 200 && status !== 429)).toEqual([])
  expect(mostForCertain(admittedOf(samples), windowMs)).toBeLessThanOrEqual(limit)
  expect(admittedOf(samples).length / Math.min(...ideals)).toBeGreaterThanOrEqual(minimumFraction)
}

test.each<
  [name: keyof typeof limits, limit: number, windowMs: number, perSecond: number, nodes: number, first: number]
>([
  ['ten', 10, 1000, 40, 4, 0],
  ['hundred', 100, 1000, 200, 4, 0.9],
  ['minute', 100, 60_000, 60, 4, 0],
  ['leased', 400, 1000, 360, 1, 0],
  ['leased', 400, 1000, 360, 4, 0.9],
  ['leased', 400, 1000, 600, 4, 0],
  ['exact', 400, 1000, 600, 4, 0.9],
])(
  'S-116 the rate limit `%s` of %i requests per %i ms is not exceeded by %i requests/s to %i nodes, of which a fraction of %d goes to the first node only',
  async (name, limit, windowMs, perSecond, nodes, firstPart) => {
    const ports = cluster.ports.slice(0, nodes)
    // Wait until requests of earlier test cases have left the window.
    await sleep(windowMs < 2000 ? 1200 : 0)
    const samples = await load({ ports, path: `/${name}`, perSecond, seconds: 2, firstPart })

    expect(samples.filter(({ status }) => status === 0)).toEqual([])
    expectWithinLimit(samples, limit, windowMs)
  },
)

test('a rate-limited client that waits for the time in `Retry-After` is admitted with its next request', async () => {
  for (let round = 0; round < 2; round++) {
    const refused = await untilRefused()
    await sleep(Number(refused.fields['retry-after']) * 1000)
    expect((await decidedAt(round)).status).toBe(200)
  }
})

/** Sends requests to all nodes until a request gets 429. On a slow machine this can take more than one window. */
async function untilRefused(): Promise<Sample> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; ) {
    const samples = await Promise.all(Array.from({ length: 60 }, (_, i) => decidedAt(i % 4)))
    const refused = samples.findLast(({ status }) => status === 429)
    if (refused !== undefined) return refused
  }
  throw new Error('no request got 429 within a minute')
}

/** Sends a request to a node. Repeats the request while the node replies 503, because Redis misses its deadline. */
async function decidedAt(node: number): Promise<Sample> {
  for (;;) {
    const sample = await sendOne({ port: cluster.ports[node]!, path: '/back', headers: {} })
    if (sample.status !== 503) return sample
  }
}

test('S-116 a node whose wall clock is an hour behind does not change how many requests the rate limits admit', async () => {
  const leased = await load({ ports: cluster.ports, path: '/clock', perSecond: 320, seconds: 3, firstPart: 0 })
  const exact = await load({ ports: cluster.ports, path: '/clockexact', perSecond: 60, seconds: 3 })

  expectWithinLimit(leased, 400, 2000)
  expectWithinLimit(exact, 50, 2000)
})

test('while Redis is frozen, a node admits requests with permits that it leased from Redis before', async () => {
  const port = cluster.ports[0]!
  const samplesWhileFrozen = async (): Promise<Sample[]> => {
    await load({ ports: [port], path: '/frozen', perSecond: 200, seconds: 2 })
    const agent = new Agent({ keepAlive: true, maxSockets: 16 })
    process.kill(cluster.redis.pid, 'SIGSTOP')
    // All requests get a reply before Redis continues. 25 requests are enough, because
    // test/unit/limits/limiter.process.test.ts tests the number of leased permits.
    const pending = Array.from({ length: 25 }, () => sendOne({ port, path: '/frozen', headers: {}, agent }))
    return Promise.all(pending).finally(() => {
      process.kill(cluster.redis.pid, 'SIGCONT')
      agent.destroy()
    })
  }

  // On a busy machine the requests can take longer than the lease. Then the test tries again.
  await expect
    .poll(async () => (await samplesWhileFrozen()).filter(({ status }) => status !== 200), { timeout: 60_000 })
    .toEqual([])
})

test('nodes do not exceed a rate limit although one of them is suspended for 1.5 s while it holds leased permits', async () => {
  const running = load({ ports: cluster.ports, path: '/paused', perSecond: 320, seconds: 4 })
  await sleep(1000)
  cluster.nodes[1]!.signal('SIGSTOP')
  await sleep(1500)
  cluster.nodes[1]!.signal('SIGCONT')
  const samples = await running

  expect(mostForCertain(admittedOf(samples), 2000)).toBeLessThanOrEqual(400)
  expect(admittedOf(samples).length).toBeGreaterThan(400)
})

test('after a node is killed, the other nodes stay within the rate limit and admit at least half of the requests that an exact limiter would admit', async () => {
  const running = load({ ports: cluster.ports, path: '/killed', perSecond: 320, seconds: 4 })
  await sleep(1000)
  await cluster.nodes[2]!.kill()
  expectWithinLimit(await running, 400, 2000)
})

test('nodes admit at most twice the rate limit in a window in which Redis loses its data', async () => {
  const { redis, link, ports } = cluster
  const alive = ports.filter((_, i) => i !== 2)
  const running = load({ ports: alive, path: '/empty', perSecond: 150, seconds: 6 })
  await sleep(1500)
  await redis.stop()
  await testRedis({ port: redis.port })
  await untilReady(link.store)
  await untilConnected(link, alive.length)
  const samples = await running

  expect(mostForCertain(admittedOf(samples), 3000)).toBeLessThanOrEqual(2 * 100)
  expect(samples.filter(({ status }) => status !== 200 && status !== 429)).toEqual([])
})
