import { beforeAll, expect, test } from 'vitest'
import { perfectLog } from '../../../bench/harness/sliding-log.ts'
import type { RedisClient } from '../../../gateway/redis/redis-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { play, type Scene } from './simulated-nodes.ts'
import { Dice, mostInAnyWindow, ScriptInVirtualTime } from './virtual-redis.ts'

// Leases of simulated nodes against the real Redis script, in virtual time. No window position exceeds the limit, and
// nearly as many requests are admitted as by an exact sliding log. `GATEHOUSE_LIMITS_TABLE=1` prints the figures.

let script: ScriptInVirtualTime
let keys = 0

beforeAll(async () => {
  const { port } = await testRedis()
  const client: RedisClient = (await testLink(redisSettingsFor(port))).client('receipt', 'test')
  while (!client.ready) await new Promise((resolve) => setTimeout(resolve, 5))
  script = new ScriptInVirtualTime(client, 'lease-permits.lua')
})

async function figures(scene: Scene, seed: number) {
  const { offered, admissions, calls } = await play(scene, script, new Dice(seed), `simulated:${++keys}`)
  const ideal = perfectLog(offered, scene.limit, scene.windowMs)
  const last = admissions.length - 1
  return {
    over: Math.max(0, mostInAnyWindow(admissions, scene.windowMs) - scene.limit),
    admitted: admissions.length / ideal.length,
    // Ratio of the times that an exact log and the nodes needed for the same number of admissions; below 1, the nodes
    // are slower. The number of admissions at the end would depend on the moment of the end, because windows fill and
    // empty in step.
    pace: ideal[Math.min(last, ideal.length - 1)]! / admissions[last]!.at,
    callsPerThousand: (1000 * calls) / offered.length,
  }
}

const even = 0
const lopsided = 0.9

type Row = [limit: number, windowMs: number, nodes: number, firstPart: number, load: number, from: number]

test.each<Row>([
  [100, 1000, 1, even, 2, 0.98],
  [100, 1000, 8, lopsided, 2, 0.98],
  [1000, 1000, 1, even, 0.9, 0.99],
  [1000, 1000, 4, even, 2, 0.98],
  [1000, 1000, 8, lopsided, 0.9, 0.99],
  [5000, 1000, 8, even, 2, 0.98],
  [5000, 1000, 8, lopsided, 2, 0.98],
  [5000, 1000, 8, lopsided, 0.9, 0.99],
  [50_000, 10_000, 8, even, 1.5, 0.985],
])(
  'a leased limit of %i requests in %i ms on %i nodes (the first node gets a share of %d plus an equal part of the rest; load: %d × the limit) is never exceeded, and admissions reach at least %d of the pace of an exact log',
  async (limit, windowMs, nodes, firstPart, load, from) => {
    const perSecond = (load * limit * 1000) / windowMs
    const windows = windowMs > 1000 ? 1.4 : limit >= 5000 ? 3.4 : 6.4
    const scene = { limit, windowMs, nodes, perSecond, firstPart, windows, chaos: false }
    const { over, pace, admitted, callsPerThousand } = await figures(scene, limit + nodes)
    if (process.env['GATEHOUSE_LIMITS_TABLE'] !== undefined) console.log(scene, { pace, admitted, callsPerThousand })

    expect(over).toBe(0)
    expect(pace).toBeGreaterThanOrEqual(from)
    if (windowMs > 1000) expect(callsPerThousand).toBeLessThanOrEqual(20)
  },
)

test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
  'a leased limit is not exceeded while nodes die or pause and replies are lost (random seed %i)',
  async (seed) => {
    const dice = new Dice(seed)
    const limit = dice.oneOf([20, 200, 1000])
    const scene = {
      limit,
      windowMs: 1000,
      nodes: dice.between(1, 8),
      perSecond: 2 * limit,
      firstPart: dice.oneOf([even, lopsided]),
      windows: 5,
      chaos: true,
    }
    expect((await figures(scene, seed)).over).toBe(0)
  },
)
