import { beforeAll, expect, test } from 'vitest'
import type { RedisClient } from '../../../gateway/redis/redis-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import {
  type Admission,
  Dice,
  LIVES_LONGER,
  type Mutation,
  mostInAnyWindow,
  ScriptInVirtualTime,
} from './virtual-redis.ts'

// docs/design/contract.md §7: no interval of length `window`, by the clock of Redis, contains more than `requests`
// admissions. Refused requests consume nothing. A request is charged to all of its limits or to none. The tests run the
// script on a real Redis in virtual time.

const startUs = 1_800_000_000_000_000

let client: RedisClient
let keys = 0

beforeAll(async () => {
  const { port } = await testRedis()
  client = (await testLink(redisSettingsFor(port))).client('receipt', 'test')
  while (!client.ready) await new Promise((resolve) => setTimeout(resolve, 5))
})

interface Decision {
  readonly allowed: boolean
  readonly tightest: number
  readonly left: number
  readonly waitMs: number
}

/** Windows in Redis, one for each given limit. The test chooses the virtual time of each call. */
class Limits {
  readonly #script: ScriptInVirtualTime
  readonly #back = client.script(new URL('../../../gateway/limits/return-permits.lua', import.meta.url))
  readonly #keys: string[]
  readonly #terms: number[]
  readonly #tickUs: number

  constructor(limits: readonly number[], windowUs: number, ticks: number, mutations: readonly Mutation[] = []) {
    this.#script = new ScriptInVirtualTime(client, 'take-permits.lua', mutations)
    this.#tickUs = windowUs / ticks
    this.#keys = limits.map(() => `window:${++keys}`)
    this.#terms = limits.flatMap((limit) => [limit, ticks, this.#tickUs])
  }

  /**
   * @param atUs      virtual time, µs
   * @param requests  for each request: `of`, the numbers of its windows counted from 1, and `cost`, permits per window
   *   (default 1)
   */
  async take(atUs: number, ...requests: { of: number[]; cost?: number }[]): Promise<Decision[]> {
    const asked = requests.flatMap(({ of, cost = 1 }) => [of.length, ...of.flatMap((i) => [i, cost])])
    const reply = (await this.#script.run(this.#keys, [...this.#terms, ...asked], startUs + atUs)) as number[]
    return requests.map((_, i) => {
      const [allowed, tightest, left, waitMs] = reply.slice(1 + 4 * i) as [number, number, number, number]
      return { allowed: allowed === 1, tightest, left, waitMs }
    })
  }

  async giveBack(atUs: number, cost: number): Promise<unknown> {
    const args = [startUs + atUs, ...this.#keys.flatMap(() => [this.#tickUs, cost])]
    return this.#back(this.#keys, args)
  }
}

async function admittedAtRandom(limit: number, ticks: number, seed: number, mutations: readonly Mutation[] = []) {
  const dice = new Dice(seed)
  const windowUs = 1_000_000
  const limits = new Limits([limit], windowUs, ticks, mutations)
  const admissions: Admission[] = []
  let at = 0
  while (at < 4 * windowUs) {
    const cost = dice.between(1, Math.ceil(limit / 6))
    const [decision] = await limits.take(at, { of: [1], cost })
    if (decision!.allowed) admissions.push({ at, count: cost })
    // Bursts until the window is full, then calls just before the oldest admissions leave the window.
    const steps = decision!.allowed ? [1, 100, 1000] : [dice.between(1, 60_000), windowUs / ticks, windowUs - 3000]
    at += dice.oneOf(steps)
  }
  return { most: mostInAnyWindow(admissions, windowUs), admissions }
}

test.each([
  [5, 10_000],
  [20, 10_000],
  [150, 100],
])(
  'the Redis script for exact limits admits at most %i requests in any interval of the length of the window (a window has %i ticks)',
  async (limit, ticks) => {
    let most = 0
    for (let seed = 1; seed <= 8; seed++) {
      const run = await admittedAtRandom(limit, ticks, seed)
      expect(run.most).toBeLessThanOrEqual(limit)
      most = Math.max(most, run.most)
    }
    expect(most).toBeGreaterThanOrEqual(limit * 0.9)
  },
)

test('the simulation detects a faulty Redis script for exact limits whose entries leave the window one tick too early', async () => {
  let over = 0
  for (let seed = 1; seed <= 8; seed++) {
    const { most } = await admittedAtRandom(150, 100, seed, [['w.tick - at <= w.span', 'w.tick - at < w.span']])
    over = Math.max(over, most - 150)
  }
  expect(over).toBeGreaterThan(0)
})

test('a request that the Redis script for exact limits refuses consumes no permits', async () => {
  const limits = new Limits([3], 1_000_000, 10_000)
  await limits.take(0, { of: [1], cost: 2 })

  expect((await limits.take(1000, { of: [1], cost: 2 }))[0]).toMatchObject({ allowed: false, left: 1 })
  expect((await limits.take(2000, { of: [1], cost: 1 }))[0]).toMatchObject({ allowed: true, left: 0 })
})

test('the Redis script for exact limits admits a refused request of cost 5 after the wait that the script stated, and not before', async () => {
  const limits = new Limits([10], 1_000_000, 10_000)
  for (let i = 0; i < 10; i++) await limits.take(i * 20_000, { of: [1] })
  const [single] = await limits.take(300_000, { of: [1] })
  const [five] = await limits.take(300_000, { of: [1], cost: 5 })

  expect(single!.waitMs).toBe(701)
  expect((await limits.take(300_000 + 1000 * five!.waitMs - 1500, { of: [1], cost: 5 }))[0]!.allowed).toBe(false)
  expect((await limits.take(300_000 + 1000 * five!.waitMs, { of: [1], cost: 5 }))[0]!.allowed).toBe(true)
})

test('if other requests fill the window in the same call, the Redis script for exact limits states the correct wait for a refused request', async () => {
  const limits = new Limits([2], 1_000_000, 10_000)
  await limits.take(0, { of: [1] })
  const [, , third] = await limits.take(500_000, { of: [1] }, { of: [1] }, { of: [1], cost: 2 })

  expect((await limits.take(500_000 + 1000 * third!.waitMs, { of: [1], cost: 2 }))[0]!.allowed).toBe(true)
})

test('the Redis script for exact limits charges a request to all of its windows or to none, and returns the window with the fewest permits left', async () => {
  const limits = new Limits([2, 10], 1_000_000, 10_000)
  await limits.take(0, { of: [1] }, { of: [1] })

  expect(await limits.take(10, { of: [2, 1] }, { of: [2] })).toMatchObject([
    { allowed: false, tightest: 1 },
    { allowed: true, tightest: 2, left: 9 },
  ])
})

test('when the clock of Redis is set back, no permits of a limit window become free', async () => {
  const limits = new Limits([2], 1_000_000, 100)
  await limits.take(5_000_000, { of: [1] }, { of: [1] })

  expect((await limits.take(1_000_000, { of: [1] }))[0]!.allowed).toBe(false)
  expect((await limits.take(5_500_000, { of: [1] }))[0]!.allowed).toBe(false)
  expect((await limits.take(6_010_001, { of: [1] }))[0]!.allowed).toBe(true)
})

test('charged permits of a limit window can be returned once, and only for the tick in which the permits were charged', async () => {
  const limits = new Limits([3, 3], 1_000_000, 100)
  await limits.take(0, { of: [1, 2], cost: 2 })
  await limits.take(500_000, { of: [1, 2] })

  expect(await limits.giveBack(700_000, 1)).toBe(0)
  expect(await limits.giveBack(0, 2)).toBe(4)
  expect(await limits.giveBack(0, 2)).toBe(0)
  expect((await limits.take(600_000, { of: [1, 2], cost: 2 }))[0]).toMatchObject({ allowed: true, left: 0 })
  expect((await limits.take(600_000, { of: [1] }))[0]!.allowed).toBe(false)
})

test('when all permits of a limit window are returned, its key in Redis is deleted', async () => {
  const limits = new Limits([3], 1_000_000, 100)
  await limits.take(0, { of: [1] })
  await limits.giveBack(0, 1)

  expect(await client.call('EXISTS', `window:${keys}`)).toBe(0)
})

test('the Redis key of an idle limit window expires once the window is empty', async () => {
  const limits = new Limits([3], 1_000_000, 100)
  await limits.take(0, { of: [1] })
  const left = Number(await client.call('PTTL', `window:${keys}`)) / LIVES_LONGER

  expect(left).toBeGreaterThan(900)
  expect(left).toBeLessThanOrEqual(1020)
})
