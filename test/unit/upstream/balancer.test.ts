import { expect, test, vi } from 'vitest'
import { BalancedTarget } from '../../../gateway/upstream/balanced-target.ts'
import { Balancer } from '../../../gateway/upstream/balancer.ts'
import type { EjectionCause, EjectionRules } from '../../../gateway/upstream/ejection-rules.ts'
import { Health } from '../../../gateway/upstream/health.ts'
import { Http1Target } from '../../../gateway/upstream/http1-target.ts'
import type { PooledTarget } from '../../../gateway/upstream/target.ts'
import { UpstreamState } from '../../../gateway/upstream/upstream-state.ts'

// Of two random upstreams of a service, each call goes to the one with fewer calls in flight. Upstreams that fail are
// avoided for a time. The tests set the clock instead of waiting, and choose the random numbers.

const rules: EjectionRules = {
  failures: 5,
  errors: Number.POSITIVE_INFINITY,
  errorRate: 0.25,
  slower: 5,
  maxEjected: 0.5,
  timeMs: 10_000,
  maxTimeMs: 60_000,
}

interface Service {
  readonly count?: number
  readonly weights?: readonly number[]
  readonly ejection?: Partial<EjectionRules>
  readonly slowStartMs?: number
}

/** A service with upstreams on ports 1, 2, … */
class Upstreams {
  readonly members: BalancedTarget[]
  readonly balancer: Balancer
  readonly ejected: [port: number, cause: EjectionCause, ms: number][] = []
  /** Calls in flight, by port. */
  readonly calls = new Map<number, number>()
  #seed = 1

  constructor({ count = 3, weights = [], ejection = {}, slowStartMs = 0 }: Service = {}) {
    this.members = Array.from({ length: count }, (_, n) => {
      const target = new Http1Target(new URL(`http://127.0.0.1:${n + 1}`), 1000, 1024)
      target.health.isCompared = true
      Object.defineProperty(target, 'calls', { get: () => this.calls.get(n + 1) ?? 0 })
      return new BalancedTarget(target, weights[n] ?? 1, new UpstreamState())
    })
    this.balancer = new Balancer(this.members, {
      ejection: { ...rules, ...ejection },
      slowStartMs,
      onEjected: ({ target }, cause, ms) => this.ejected.push([portOf(target), cause, ms]),
      random: () => this.#random(),
    })
  }

  /** Repeatable random numbers (a linear congruential generator). */
  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0
    return this.#seed / 2 ** 32
  }

  health(port: number): Health {
    return this.members[port - 1]!.target.health
  }

  state(port: number): UpstreamState {
    return this.members[port - 1]!.state
  }

  /** Number of selections of each upstream in `count` calls that end at once. */
  turns(count = 300, tried?: readonly PooledTarget[]): number[] {
    const turns = this.members.map(() => 0)
    for (let n = 0; n < count; n++) turns[portOf(this.balancer.next(tried)) - 1]!++
    return turns
  }

  /** Lets calls to an upstream end. @param errors  number of the calls that get status 500 */
  served(port: number, count: number, errors = 0, ms = 5): void {
    for (let n = 0; n < count; n++) {
      this.health(port).succeeded(n < errors ? 500 : 200)
      this.health(port).timed(ms)
    }
  }
}

function portOf({ origin }: PooledTarget): number {
  return Number(new URL(origin).port)
}

function atTime(run: (set: (ms: number) => void) => void): void {
  const clock = vi.spyOn(performance, 'now')
  const set = (ms: number) => void clock.mockReturnValue(ms)
  try {
    set(10_000)
    run(set)
  } finally {
    clock.mockRestore()
  }
}

test('the balancer distributes calls over all upstreams of a service by their weights', () => {
  for (const turns of new Upstreams().turns(3000)) expect(turns).toBeCloseTo(1000, -3)
  const [one, two, three] = new Upstreams({ weights: [1, 2, 7] }).turns(10_000)
  expect(one! / 1000).toBeCloseTo(1, 0)
  expect(two! / 1000).toBeCloseTo(2, 0)
  expect(three! / 1000).toBeCloseTo(7, 0)
  expect(new Upstreams({ count: 1 }).turns(3)).toEqual([3])
})

test('of two upstreams, the balancer selects the one with fewer calls in flight for its weight', () => {
  const two = new Upstreams({ count: 2 })
  two.calls.set(1, 5).set(2, 4)
  expect(two.turns(50)).toEqual([0, 50])

  const weighted = new Upstreams({ count: 2, weights: [3, 1] })
  weighted.calls.set(1, 5).set(2, 2)
  expect(weighted.turns(50)).toEqual([50, 0])
})

test('an upstream that never replies holds few of 300 calls, because its calls stay in flight', () => {
  const upstreams = new Upstreams()
  let stuck = 0
  for (let n = 0; n < 300; n++) {
    if (portOf(upstreams.balancer.next()) !== 1) continue
    stuck++
    upstreams.calls.set(1, stuck)
  }
  expect(stuck).toBeLessThanOrEqual(2)
})

test('the balancer prefers upstreams on which the request was not tried, and repeats one when no other is available', () => {
  const upstreams = new Upstreams()
  const [one, two, three] = upstreams.balancer.targets
  expect(upstreams.turns(60, [one!, two!])).toEqual([0, 0, 60])
  upstreams.state(3).isFailing = true
  expect(upstreams.turns(60, [one!])).toEqual([0, 60, 0])
  expect(upstreams.turns(60, [one!, two!, three!])[2]).toBe(0)
})

test('the balancer sends no calls to a failed upstream until the back-off of the upstream ends', () => {
  atTime((set) => {
    const upstreams = new Upstreams()
    upstreams.health(2).failed()
    expect(upstreams.turns()[1]).toBe(0)
    set(10_999)
    expect(upstreams.turns()[1]).toBe(0)
    set(11_000)
    expect(upstreams.turns()[1]).toBeGreaterThan(50)
  })
})

test('while every upstream of a service is in its back-off, the balancer spreads calls over all of them', () => {
  atTime(() => {
    const upstreams = new Upstreams({ count: 2 })
    for (const { target } of upstreams.members) target.health.failed()
    for (const turns of upstreams.turns()) expect(turns).toBeGreaterThan(100)
  })
})

test('a drained upstream gets calls only when all upstreams of the service are drained', () => {
  const upstreams = new Upstreams({ count: 2 })
  upstreams.state(1).drainedUntil = Number.POSITIVE_INFINITY
  upstreams.state(2).isFailing = true
  expect(upstreams.turns(50)).toEqual([0, 50])
  upstreams.state(2).drainedUntil = Number.POSITIVE_INFINITY
  expect(upstreams.turns(50)[0]).toBeGreaterThan(10)
})

test('five consecutive calls without a reply eject an upstream, and a reply between them restarts the count', () => {
  atTime((set) => {
    const upstreams = new Upstreams()
    for (let n = 0; n < 4; n++) upstreams.health(1).broke()
    upstreams.health(1).succeeded()
    for (let n = 0; n < 4; n++) upstreams.health(1).broke()
    expect(upstreams.turns()[0]).toBeGreaterThan(50)
    expect(upstreams.ejected).toEqual([])
    upstreams.health(1).broke()
    expect(upstreams.turns()[0]).toBe(0)
    expect(upstreams.ejected).toEqual([[1, 'failures', 10_000]])
    set(20_000)
    expect(upstreams.turns()[0]).toBeGreaterThan(50)
  })
})

test('consecutive 5xx statuses eject an upstream only when the rule `errors` has a limit', () => {
  atTime(() => {
    const silent = new Upstreams()
    silent.served(1, 10, 10)
    expect(silent.turns()[0]).toBeGreaterThan(50)
    const strict = new Upstreams({ ejection: { errors: 3 } })
    strict.served(1, 3, 3)
    expect(strict.turns()[0]).toBe(0)
    expect(strict.ejected).toEqual([[1, 'errors', 10_000]])
  })
})

test('an upstream with many more errors than the others is ejected; equal errors of all upstreams eject none', () => {
  atTime((set) => {
    const equal = new Upstreams()
    for (const port of [1, 2, 3]) equal.served(port, 100, 50)
    equal.balancer.compare(10_000)
    expect(equal.ejected).toEqual([])

    const one = new Upstreams()
    one.served(1, 30, 15)
    one.served(2, 30, 1)
    one.served(3, 30)
    one.balancer.compare(10_000)
    expect(one.ejected).toEqual([[1, 'error_rate', 10_000]])
    set(10_001)
    expect(one.turns()[0]).toBe(0)
  })
})

test('an upstream is not ejected for a share of errors that is likely to occur by chance', () => {
  const upstreams = new Upstreams()
  upstreams.served(1, 20, 5)
  upstreams.served(2, 20, 2)
  upstreams.served(3, 20, 2)
  upstreams.balancer.compare(10_000)
  expect(upstreams.ejected).toEqual([])
})

test.each([
  ['6 times slower than the others, and slower by 50 ms, is ejected', [60, 10, 10], [[1, 'slower', 10_000]]],
  ['6 times slower than the others, but slower by 10 ms only, is not ejected', [12, 2, 2], []],
  ['4 times slower than the others is not ejected', [400, 100, 100], []],
  ['as slow as one of the others is not ejected', [60, 60, 10], []],
] as const)('of three upstreams, an upstream that is %s', (_, latencies, expected) => {
  const upstreams = new Upstreams()
  for (const [i, ms] of latencies.entries()) upstreams.served(i + 1, 20, 0, ms)
  upstreams.balancer.compare(10_000)
  expect(upstreams.ejected).toEqual(expected)
})

test('an upstream that has just become slow is ejected although most of its recent calls were fast', () => {
  const upstreams = new Upstreams()
  for (const port of [1, 2, 3]) upstreams.served(port, 500, 0, 10)
  for (const { target } of upstreams.members) for (let n = 0; n < 2; n++) target.health.window.rotate()
  upstreams.served(1, 20, 0, 100)
  for (const port of [2, 3]) upstreams.served(port, 200, 0, 10)
  upstreams.balancer.compare(10_000)
  expect(upstreams.ejected).toEqual([[1, 'slower', 10_000]])
})

test('an upstream with new errors is ejected although most of its recent calls succeeded', () => {
  const upstreams = new Upstreams()
  for (const port of [1, 2, 3]) upstreams.served(port, 500)
  for (const { target } of upstreams.members) for (let n = 0; n < 2; n++) target.health.window.rotate()
  upstreams.served(1, 40, 20)
  for (const port of [2, 3]) upstreams.served(port, 40)
  upstreams.balancer.compare(10_000)
  expect(upstreams.ejected).toEqual([[1, 'error_rate', 10_000]])
})

test('the balancer compares the calls of an upstream until their window has rotated five times, and not after', () => {
  const upstreams = new Upstreams()
  const rotate = (times: number): void => {
    for (const { target } of upstreams.members) for (let n = 0; n < times; n++) target.health.window.rotate()
  }
  upstreams.served(1, 20, 0, 100)
  for (const port of [2, 3]) upstreams.served(port, 20, 0, 10)
  rotate(4)
  expect(upstreams.health(1).window.newest(5)).toMatchObject({ calls: 20, timed: 20 })
  rotate(1)
  upstreams.balancer.compare(10_000)
  expect(upstreams.ejected).toEqual([])
})

test('a few long polls do not make an upstream count as slow', () => {
  const upstreams = new Upstreams()
  for (const port of [1, 2, 3]) upstreams.served(port, 40, 0, 5)
  upstreams.served(1, 2, 0, 30_000)
  upstreams.balancer.compare(10_000)
  expect(upstreams.ejected).toEqual([])
})

test.each([
  [1, 0.5, 0],
  [1, 1, 0],
  [2, 0.49, 0],
  [2, 0.5, 1],
  [3, 0.5, 1],
  [4, 0.5, 2],
  [4, 1, 3],
])('of %i upstreams that all fail, with max_ejected %d, %i are ejected', (count, maxEjected, expected) => {
  atTime(() => {
    const upstreams = new Upstreams({ count, ejection: { maxEjected } })
    for (const { target } of upstreams.members) for (let n = 0; n < 9; n++) target.health.broke()
    upstreams.turns(10)
    upstreams.balancer.compare(10_000)
    expect(upstreams.ejected).toHaveLength(expected)
    expect(upstreams.turns(10).filter((turns) => turns > 0).length).toBeGreaterThan(0)
  })
})

test('an upstream is not ejected while drained and failing upstreams already use up max_ejected', () => {
  atTime(() => {
    const upstreams = new Upstreams({ count: 4 })
    upstreams.state(3).drainedUntil = Number.POSITIVE_INFINITY
    upstreams.state(4).isFailing = true
    for (let n = 0; n < 9; n++) upstreams.health(1).broke()
    expect(upstreams.turns()[0]).toBeGreaterThan(50)
    expect(upstreams.ejected).toEqual([])
  })
})

test('the time of an ejection doubles with each repetition up to max_time, and is short again after a healthy time', () => {
  atTime((set) => {
    const upstreams = new Upstreams()
    let nowMs = 10_000
    for (let n = 0; n < 4; n++) {
      set(nowMs)
      for (let k = 0; k < 5; k++) upstreams.health(1).broke()
      upstreams.turns(1)
      nowMs = upstreams.state(1).ejectedUntil + 1
    }
    set(nowMs + 60_001)
    for (let k = 0; k < 5; k++) upstreams.health(1).broke()
    upstreams.turns(1)
    expect(upstreams.ejected.map(([, , ms]) => ms)).toEqual([10_000, 20_000, 40_000, 60_000, 10_000])
  })
})

test('calls that fail during the ejection of their upstream do not eject the upstream again when it returns', () => {
  atTime((set) => {
    const upstreams = new Upstreams()
    for (let n = 0; n < 5; n++) upstreams.health(1).broke()
    upstreams.turns(1)
    for (let n = 0; n < 50; n++) upstreams.health(1).broke()
    upstreams.balancer.compare(19_000)
    set(20_001)
    expect(upstreams.turns()[0]).toBeGreaterThan(50)
    expect(upstreams.ejected).toHaveLength(1)
  })
})

test('an upstream that returns gets a tenth of its share at first, then half, then all of it', () => {
  atTime((set) => {
    const upstreams = new Upstreams({ count: 2, slowStartMs: 10_000 })
    for (let n = 0; n < 5; n++) upstreams.health(1).broke()
    upstreams.turns(1)
    const share = (atMs: number) => {
      set(atMs)
      const [one, two] = upstreams.turns(1100)
      return one! / (one! + two!)
    }
    expect(share(20_000)).toBeCloseTo(1 / 11, 1)
    expect(share(25_000)).toBeCloseTo(1 / 3, 1)
    expect(share(30_000)).toBeCloseTo(1 / 2, 1)
  })
})

test('the back-off of an upstream doubles with each later failure, from 1 s up to 16 s, and the first reply resets it', () => {
  atTime((set) => {
    const health = new Health()
    let nowMs = 50_000
    const rests: number[] = []
    for (let n = 0; n < 7; n++) {
      set(nowMs)
      health.failed()
      rests.push(health.restUntil - nowMs)
      nowMs = health.restUntil
    }
    expect(rests).toEqual([1000, 2000, 4000, 8000, 16_000, 16_000, 16_000])
    set(nowMs)
    health.succeeded()
    expect(health.restUntil).toBe(0)
    health.failed()
    expect(health.restUntil - nowMs).toBe(1000)
  })
})

test('failures of an upstream during its back-off do not extend the back-off, and count as one failure', () => {
  atTime((set) => {
    const health = new Health()
    set(50_000)
    for (let n = 0; n < 100; n++) health.failed()
    expect(health.restUntil).toBe(51_000)
    expect(health.failuresInRow).toBe(1)
    set(51_000)
    for (let n = 0; n < 100; n++) health.failed()
    expect(health.restUntil).toBe(53_000)
  })
})
