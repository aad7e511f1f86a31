import { beforeAll, expect, test, vi } from 'vitest'
import type { RedisClient } from '../../../gateway/redis/redis-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { attack, type Report, span, startUs, tickUs } from './lease-adversary.ts'
import { Dice, type Mutation, ScriptInVirtualTime } from './virtual-redis.ts'

// docs/design/contract.md §7: no interval of length `window` contains more admissions than the limit, whatever nodes,
// networks and clocks of nodes do. The tests run the script on a real Redis in virtual time. Mutations of the script,
// or of the reports of the nodes, break one rule each.

vi.setConfig({ testTimeout: 300_000 })

const runs = Number(process.env['GATEHOUSE_PROPERTY_RUNS'] ?? 60)
const truthful: Report = (ageUs) => ageUs

let client: RedisClient

beforeAll(async () => {
  const { port } = await testRedis()
  client = (await testLink(redisSettingsFor(port))).client('receipt', 'test')
  while (!client.ready) await new Promise((resolve) => setTimeout(resolve, 5))
})

let keys = 0

/** Runs the simulation with the random seeds `from` to `last`. @returns the first seed that exceeds the limit */
async function firstOver(
  mutations: readonly Mutation[],
  report: Report,
  from: number,
  last: number,
): Promise<{ seed: number; over: number } | undefined> {
  const script = new ScriptInVirtualTime(client, 'lease-permits.lua', mutations)
  let admitted = 0
  for (let seed = from; seed <= last; seed++) {
    const outcome = await attack(script, new Dice(seed), report, `attacked:${++keys}`)
    if (outcome.over > 0) return { seed, over: outcome.over }
    admitted += outcome.admitted
  }
  expect(admitted).toBeGreaterThan((last - from + 1) * 10)
  return undefined
}

test('simulated nodes that use leased permits at the last moment, die, lose replies or repeat calls never exceed the rate limit in total', async () => {
  expect(await firstOver([], truthful, 1, runs)).toBeUndefined()
})

// The last column is the first seed that exceeds the limit at present. After a change of the script it can be a later one.
test.each<[string, readonly Mutation[], Report, number]>([
  ['a lease is dated at its grant', [['false, tick + hold', 'false, tick']], truthful, 189],
  ['the part of a tick is not counted', [['tick - at > span', 'tick - at >= span']], truthful, 173],
  ['a spend is reported as older than it is', [], (ageUs) => Math.ceil(ageUs * 1.5) + 15_000, 7],
  [
    'a repeated call overwrites the lease',
    [["'HINCRBY', KEYS[1], lease, permits", "'HSET', KEYS[1], lease, permits"]],
    truthful,
    59,
  ],
])(
  'in a simulation that breaks this rule of leases, the nodes exceed the rate limit: %s',
  async (_rule, mutations, report, from) => {
    expect(await firstOver(mutations, report, from, 3000)).toBeDefined()
  },
)

// Random runs almost never reach this case: a shorter lease follows a longer one, and the reply with the shorter lease
// is lost.
test.each<[string, readonly Mutation[], number]>([
  ['does not let another node exceed the limit', [], 0],
  [
    'lets another node exceed the limit, if the script ends the shorter lease before the old one',
    [['true, math.max(ends, at)', 'true, ends']],
    10,
  ],
])(
  'when a node loses the reply to a call that shortens its lease, the shorter lease %s',
  async (_what, mutations, over) => {
    const script = new ScriptInVirtualTime(client, 'lease-permits.lua', mutations)
    const key = `shortened:${++keys}`
    const lease = async (tick: number, hold: number, held: string, kept: number, id: string) =>
      (await script.run([key], [10, span, tickUs, hold, held, kept, 10, 1, id], startUs + tick * tickUs)) as [
        string,
        number,
      ]

    const [held, permits] = await lease(0, span, '', 0, 'a.1')
    await lease(1, 1, held, permits, 'a.2')
    // The node did not receive the second reply, and spends all its permits in tick 20. Another node requests permits
    // in tick 24, before the window of 20 ticks has passed.
    const [, others] = await lease(24, 1, '', 0, 'b.1')

    expect([permits, others]).toEqual([10, over])
  },
)
