import { expect, test } from 'vitest'
import { Lease, type LeaseReply } from '../../../gateway/limits/lease.ts'

// The node's side of a lease of permits: which permits the node can use (spend) for requests, until when, and which
// used permits it reports to Redis. All times are ms of one clock.

const terms = { requests: 10_000, windowMs: 1000, tickUs: 5000, cost: 1, node: 'n', serial: 1 }
const reply = (permits: number, rest: Partial<LeaseReply> = {}): LeaseReply => ({
  lease: '7:n.1',
  permits,
  waitMs: 0,
  holders: 1,
  left: 5000,
  ...rest,
})

/**
 * Returns a lease of 100 permits, requested at 1000 ms and granted at 1001 ms. Calls are spaced by 10 ms, so the lease
 * lasts 25 ms.
 */
function leased(options: Partial<typeof terms> = {}): Lease {
  const lease = new Lease({ ...terms, ...options }, () => 0.5)
  // The first reply reports 5,000 of 10,000 requests left in the window. If more than half were left, the lease would
  // last longer.
  lease.begin(900, 0)
  lease.accept(reply(0, { lease: '' }), 901)
  lease.begin(1000, 100)
  lease.accept(reply(100), 1001)
  return lease
}

test('a node can spend the permits of a lease until shortly before its end, counted from the time at which the lease call was sent', () => {
  const lease = leased()

  expect(lease.spend(1023.9)).toBe(true)
  expect(lease.spend(1024)).toBe(false)
})

test('a node that receives a lease reply after the end of the requested lease gets no new permits and reports its spent permits again', () => {
  const lease = leased()
  lease.spend(1010)
  const { call } = lease.begin(1012, 50)
  lease.accept(reply(50, { lease: '9:n.2' }), 1037)

  expect(lease.spend(1037)).toBe(false)
  expect([lease.uncertain, lease.cutOff]).toEqual([true, false])
  const again = lease.begin(1100, 1)
  expect(again).toMatchObject({ held: '7:n.1', kept: 0, spent: [89_910, 1] })
  expect(again.call).toBeGreaterThan(call)
})

test('late lease replies do not make a node treat Redis as unavailable: the node requests a longer lease instead', () => {
  const lease = leased()
  for (const [at, tookMs] of [
    [2000, 40],
    [2100, 200],
  ] as const) {
    lease.begin(at, 1)
    lease.accept(reply(1), at + tookMs)
    expect([lease.uncertain, lease.cutOff]).toEqual([true, false])
  }
  lease.begin(2300, 1)
  lease.accept(reply(1), 2500)

  expect([lease.uncertain, lease.spend(2500)]).toEqual([false, true])
})

test('with a window of 100 ms, a node treats a Redis whose lease replies are always late as unavailable after four replies', () => {
  const lease = leased({ windowMs: 100, tickUs: 500 })
  const away: boolean[] = []
  for (let i = 0; i < 5; i++) {
    lease.begin(2000 + 1000 * i, 1)
    lease.accept(reply(1), 2200 + 1000 * i)
    away.push(lease.cutOff)
  }

  expect(away).toEqual([false, false, false, true, true])
})

test('during a lease call a node spends only the permits that it set aside for the duration of the call, and reports them in the next call', () => {
  const lease = new Lease({ ...terms }, () => 0.5)
  lease.begin(1000, 2)
  // Redis never grants more permits than requested. If it did, the node would return the surplus.
  lease.accept(reply(100), 1001)
  const { kept } = lease.begin(1010, 2)
  const spent = Array.from({ length: 5 }, () => lease.spend(1011)).filter(Boolean).length
  lease.accept(reply(20), 1012)

  expect([kept, spent]).toEqual([4, 4])
  expect(lease.returned).toBe(96)
  const rest = Array.from({ length: 30 }, () => lease.spend(1016)).filter(Boolean).length
  expect(rest).toBe(16)
  expect(lease.begin(1020, 0).spent.filter((_, i) => i % 2 === 1)).toEqual([4, 16])
})

test('a node reports all permits that were spent in one tick of the window together, with the age of the youngest of them minus 0.1 %', () => {
  const lease = leased()
  for (const at of [1005, 1006, 1009, 1010]) lease.spend(at)

  expect(lease.begin(1020, 0).spent).toEqual([Math.floor(11_000 * 0.999), 3, Math.floor(10_000 * 0.999), 1])
})

test('a node requests no permits of a full limit window until the time at which Redis expects a free permit', () => {
  const lease = new Lease({ ...terms }, () => 0.5)
  lease.begin(1000, 10)
  lease.accept(reply(0, { lease: '', waitMs: 300, left: 0 }), 1001)

  expect(lease.mayAsk(1200)).toBe(false)
  expect(lease.waitMs(1001)).toBeGreaterThanOrEqual(300)
  expect(lease.mayAsk(1001 + lease.waitMs(1001))).toBe(true)
})

test('when a limit window stays full for long, a node requests permits again after at most 2 s, in case an operator reset the window', () => {
  const lease = new Lease({ ...terms, windowMs: 3_600_000, tickUs: 18_000_000 }, () => 0.5)
  lease.begin(1000, 1)
  lease.accept(reply(0, { lease: '', waitMs: 3_000_000, left: 0 }), 1001)

  expect(lease.waitMs(1001)).toBe(3_000_000)
  expect(lease.mayAsk(3001)).toBe(true)
})

test('a node requests more permits before its lease is used up, but not within half the minimum interval between lease calls', () => {
  const lease = leased()
  expect(lease.shouldRefill(1004)).toBe(false)
  expect(lease.shouldRefill(1010)).toBe(false)
  expect(lease.shouldRefill(1015)).toBe(true)
})

test('in its next lease call, a node without demand returns the unused permits of its lease', () => {
  const lease = leased()
  const call = lease.begin(1020, 0)

  expect(call).toMatchObject({ held: '7:n.1', kept: 0, wanted: 0, holdTicks: 0 })
  expect(lease.returned).toBe(100)
  lease.accept(reply(0, { lease: '' }), 1021)
  expect(lease.open).toBe(false)
})

test('a node can take back a spent permit only until it has reported that permit to Redis', () => {
  const lease = leased()
  lease.spend(1005)
  lease.giveBack(lease.generation)
  expect(lease.begin(1010, 100).spent).toEqual([])
  lease.accept(reply(100), 1011)

  lease.spend(1012)
  const { generation } = lease
  lease.begin(1020, 100)
  lease.giveBack(generation)
  expect(lease.begin(1021, 100).spent.length).toBe(2)
})

test('after a lost reply, a node reports the same groups of spent permits again, and later spends in new groups', () => {
  const lease = leased()
  lease.spend(1002)
  const first = lease.begin(1003, 100)
  lease.fail(1003.5, false)
  lease.spend(1003.6)
  lease.giveBack(lease.generation)
  lease.spend(1003.8)
  const again = lease.begin(1004, 100)
  lease.accept(reply(100), 1005)

  expect([first.reported, first.spent]).toEqual([0, [999, 1]])
  expect([again.reported, again.spent]).toEqual([0, [1998, 1, 199, 1]])
  expect(lease.begin(1010, 100)).toMatchObject({ reported: 2, spent: [] })
})

test('when a node takes back the older of two spent permits, its report has only the younger one, with its own age', () => {
  const lease = leased()
  lease.spend(1002)
  const { generation } = lease
  lease.spend(1020)
  lease.giveBack(generation)

  expect(lease.begin(1023, 100).spent).toEqual([Math.floor(3000 * 0.999), 1])
})

test('a permit that is spent and taken back during a lease call is not in the next report to Redis', () => {
  const lease = leased()
  lease.spend(1005)
  lease.begin(1010, 100)
  lease.spend(1011)
  lease.giveBack(lease.generation)
  lease.accept(reply(99), 1012)

  expect(lease.begin(1013, 100)).toMatchObject({ kept: 99, spent: [] })
})

test('for a request that costs several permits, a node spends all of them or none', () => {
  const lease = new Lease({ ...terms, cost: 7 }, () => 0.5)
  expect(lease.begin(1000, 3)).toMatchObject({ wanted: 21, needed: 7 })
  lease.accept(reply(20), 1001)

  expect([lease.spend(1002), lease.spend(1002), lease.spend(1002)]).toEqual([true, true, false])
})

test('a node repeats failed lease calls after pauses that double from 50 ms up to 2 s', () => {
  const lease = leased()
  const pauses: number[] = []
  let now = 2000
  for (let i = 0; i < 8; i++) {
    lease.begin(now, 1)
    lease.fail(now, true)
    let pause = 0
    while (!lease.mayAsk(now + pause)) pause += 10
    pauses.push(pause)
    now += pause
  }

  expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000])
})

test('a lease lasts longer if more than half of the permits of its window are free when the lease is granted', () => {
  const lease = new Lease({ ...terms }, () => 0.5)
  lease.begin(1000, 100)
  lease.accept(reply(100, { left: 9000 }), 1001)

  expect(lease.spend(1103)).toBe(true)
  expect(lease.spend(1104)).toBe(false)
})
