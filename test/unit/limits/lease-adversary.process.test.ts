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

interface Call {
  readonly tick: number
  /** Duration of the new lease, ticks. */
  readonly hold: number
  readonly held?: string
  readonly kept?: number
  readonly wanted?: number
  /** Lease object of the node, and number of its call. */
  readonly call: readonly [owner: string, call: number]
  /** Number of groups that calls with a reply have reported. Default: 0. */
  readonly reported?: number
  readonly spent?: readonly number[]
}

/** Leases permits of a limit of 10 requests at the start of a tick. */
async function leaseAt(script: ScriptInVirtualTime, key: string, of: Call): Promise<[field: string, permits: number]> {
  const { tick, hold, held = '', kept = 0, wanted = 10, call, reported = 0, spent = [] } = of
  const args = [10, span, tickUs, hold, held, kept, wanted, 1, ...call, reported, ...spent]
  return (await script.run([key], args, startUs + tick * tickUs)) as [string, number]
}

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
  ['a lease is dated at its grant', [['0, tick + hold', '0, tick']], truthful, 189],
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
    [['count), math.max(ends, at)', 'count), ends']],
    10,
  ],
])(
  'when a node loses the reply to a call that shortens its lease, the shorter lease %s',
  async (_what, mutations, over) => {
    const script = new ScriptInVirtualTime(client, 'lease-permits.lua', mutations)
    const key = `shortened:${++keys}`
    const [held, permits] = await leaseAt(script, key, { tick: 0, hold: span, call: ['a.1', 1] })
    await leaseAt(script, key, { tick: 1, hold: 1, held, kept: permits, call: ['a.1', 2] })
    // The node did not receive the second reply, and spends all its permits in tick 20. Another node requests permits
    // in tick 24, before the window of 20 ticks has passed.
    const [, others] = await leaseAt(script, key, { tick: 24, hold: 1, call: ['b.1', 1] })

    expect([permits, others]).toEqual([10, over])
  },
)

const age = tickUs

test.each<[string, readonly Mutation[], readonly [own: number, others: number]]>([
  ['the next call returns the permits of the lost lease, and counts each spent permit once', [], [2, 5]],
  [
    'the window misses the permits of the lost lease, if the script does not find it',
    [['theirs == owner and', 'false and']],
    [1, 0],
  ],
  [
    'spent permits count twice, if the script ignores the report of the lost call',
    [['groups > charged and', '']],
    [2, 3],
  ],
])('when a node loses the reply to a lease call, %s', async (_what, mutations, expected) => {
  const script = new ScriptInVirtualTime(client, 'lease-permits.lua', mutations)
  const key = `lost:${++keys}`
  const [held] = await leaseAt(script, key, { tick: 0, hold: 4, wanted: 4, call: ['a.1', 1] })
  // The node has spent 2 of 4 permits. It loses the reply to this call, and spends one more.
  const lost = { hold: 4, held, call: ['a.1', 2], spent: [age, 2] } as const
  await leaseAt(script, key, { tick: 2, kept: 2, wanted: 4, ...lost })
  const again = { hold: 4, held, call: ['a.1', 3], spent: [2 * age, 2, age, 1] } as const
  const [, permits] = await leaseAt(script, key, { tick: 3, kept: 1, wanted: 2, ...again })
  const [, others] = await leaseAt(script, key, { tick: 4, hold: 1, call: ['b.1', 1] })

  // The limit is 10: 3 requests are spent, 2 are leased to the first node.
  expect([permits, others]).toEqual(expected)
})

test.each<[string, readonly Mutation[], number]>([
  ['keeps the lease of the later call', [], 0],
  [
    'frees permits that the node still spends, if the script removes each other lease of the node',
    [['tonumber(number) < call', 'true']],
    10,
  ],
])('a lease call that Redis receives after a later call of the same node %s', async (_what, mutations, over) => {
  const script = new ScriptInVirtualTime(client, 'lease-permits.lua', mutations)
  const key = `delayed:${++keys}`
  const [, permits] = await leaseAt(script, key, { tick: 0, hold: 4, call: ['a.1', 2] })
  await leaseAt(script, key, { tick: 1, hold: 0, wanted: 0, call: ['a.1', 1] })
  const [, others] = await leaseAt(script, key, { tick: 2, hold: 1, call: ['b.1', 1] })

  expect([permits, others]).toEqual([10, over])
})
