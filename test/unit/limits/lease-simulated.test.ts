import { beforeAll, expect, test } from 'vitest'
import { admittedByPerfectLog } from '../../../bench/harness/sliding-log.ts'
import type { RedisClient } from '../../../gateway/redis/redis-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { play, type Scene } from './simulated-nodes.ts'
import { Dice, mostInAnyWindow, ScriptInVirtualTime } from './virtual-redis.ts'

// The lease of the gateway against the real script, in virtual time: nothing over in any window position, and nearly all
// of what a perfect sliding log would admit. `GATEHOUSE_LIMITS_TABLE=1` prints the figures.

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
  const ideal = admittedByPerfectLog(offered, scene.limit, scene.windowMs)
  return {
    over: Math.max(0, mostInAnyWindow(admissions, scene.windowMs) - scene.limit),
    admitted: admissions.length / ideal,
    callsPerThousand: (1000 * calls) / offered.length,
  }
}

const even = 0
const lopsided = 0.9

test.each<[limit: number, windowMs: number, nodes: number, firstPart: number, load: number, admittedFrom: number]>([
  [100, 1000, 1, even, 2, 0.95],
  [100, 1000, 8, lopsided, 2, 0.95],
  [1000, 1000, 1, even, 0.9, 0.98],
  [1000, 1000, 4, even, 2, 0.96],
  [1000, 1000, 8, lopsided, 0.9, 0.97],
  [5000, 1000, 8, even, 2, 0.95],
  [5000, 1000, 8, lopsided, 2, 0.95],
  [5000, 1000, 8, lopsided, 0.9, 0.98],
])(
  'limit %i in %i ms over %i nodes, the first with %d of it beside its share, load × %d',
  async (limit, windowMs, nodes, firstPart, load, from) => {
    const perSecond = (load * limit * 1000) / windowMs
    const scene = { limit, windowMs, nodes, perSecond, firstPart, windows: limit >= 5000 ? 3.4 : 6.4, chaos: false }
    const { over, admitted, callsPerThousand } = await figures(scene, limit + nodes)
    if (process.env['GATEHOUSE_LIMITS_TABLE'] !== undefined) console.log(scene, { admitted, callsPerThousand })

    expect(over).toBe(0)
    expect(admitted).toBeGreaterThanOrEqual(from)
  },
)

test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
  'nothing over while nodes die and stand still and replies get lost (seed %i)',
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
