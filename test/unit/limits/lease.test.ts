import { expect, test } from 'vitest'
import { Lease, type LeaseReply } from '../../../gateway/limits/lease.ts'

// The node's half of a lease: what it may spend, until when, and what it reports. Times are ms of one clock.

const terms = { requests: 10_000, windowMs: 1000, tickUs: 5000, cost: 1, node: 'n', serial: 1 }
const reply = (permits: number, rest: Partial<LeaseReply> = {}): LeaseReply => ({
  lease: '7:n.1',
  permits,
  waitMs: 0,
  holders: 1,
  left: 5000,
  ...rest,
})

/** A lease of 100, asked for at 1000 and granted at 1001. Spacing is 10 ms, so that it is held for 25 ms. */
function leased(options: Partial<typeof terms> = {}): Lease {
  const lease = new Lease({ ...terms, ...options }, () => 0.5)
  // The first reply reports 5,000 of 10,000 requests left in the window. With more than half of them left, the node
  // would hold the lease for longer.
  lease.begin(900, 0)
  lease.accept(reply(0, { lease: '' }), 901)
  lease.begin(1000, 100)
  lease.accept(reply(100), 1001)
  return lease
}

test('a lease can be spent until shortly before it ends, counted from the sending of its call', () => {
  const lease = leased()

  expect(lease.spend(1023.9)).toBe(true)
  expect(lease.spend(1024)).toBe(false)
})

test('a reply after the deadline is ignored: the spends are reported again and no new permits are held', () => {
  const lease = leased()
  lease.spend(1010)
  const { id } = lease.begin(1012, 50)
  lease.accept(reply(50, { lease: '9:n.2' }), 1037)

  expect(lease.spend(1037)).toBe(false)
  expect([lease.uncertain, lease.cutOff]).toEqual([true, false])
  const again = lease.begin(1100, 1)
  expect(again).toMatchObject({ held: '7:n.1', kept: 0, spent: [89_910, 1] })
  expect(again.id).not.toBe(id)
})

test('late replies do not mark Redis as unavailable: the next lease lasts longer', () => {
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

test('a Redis whose replies are always late is treated as unavailable', () => {
  const lease = leased({ windowMs: 100, tickUs: 500 })
  const away: boolean[] = []
  for (let i = 0; i < 5; i++) {
    lease.begin(2000 + 1000 * i, 1)
    lease.accept(reply(1), 2200 + 1000 * i)
    away.push(lease.cutOff)
  }

  expect(away).toEqual([false, false, false, true, true])
})

test('during a call only the kept permits are spent, and the next report includes them', () => {
  const lease = new Lease({ ...terms }, () => 0.5)
  lease.begin(1000, 2)
  // More than was asked for never comes; were it so, what is not wanted would go back.
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

test('spends of one tick are reported together with the age of the youngest, rounded down', () => {
  const lease = leased()
  for (const at of [1005, 1006, 1009, 1010]) lease.spend(at)

  expect(lease.begin(1020, 0).spent).toEqual([Math.floor(11_000 * 0.999), 3, Math.floor(10_000 * 0.999), 1])
})

test('a full window is not requested again until a permit becomes free', () => {
  const lease = new Lease({ ...terms }, () => 0.5)
  lease.begin(1000, 10)
  lease.accept(reply(0, { lease: '', waitMs: 300, left: 0 }), 1001)

  expect(lease.mayAsk(1200)).toBe(false)
  expect(lease.waitMs(1001)).toBeGreaterThanOrEqual(300)
  expect(lease.mayAsk(1001 + lease.waitMs(1001))).toBe(true)
})

test('a window that is full for an hour is requested again after 2 s, in case an operator reset it', () => {
  const lease = new Lease({ ...terms, windowMs: 3_600_000, tickUs: 18_000_000 }, () => 0.5)
  lease.begin(1000, 1)
  lease.accept(reply(0, { lease: '', waitMs: 3_000_000, left: 0 }), 1001)

  expect(lease.waitMs(1001)).toBe(3_000_000)
  expect(lease.mayAsk(3001)).toBe(true)
})

test('a lease is refilled before it is used up, but not within half the spacing of calls', () => {
  const lease = leased()
  expect(lease.shouldRefill(1004)).toBe(false)
  expect(lease.shouldRefill(1010)).toBe(false)
  expect(lease.shouldRefill(1015)).toBe(true)
})

test('unused permits without demand are returned', () => {
  const lease = leased()
  const call = lease.begin(1020, 0)

  expect(call).toMatchObject({ held: '7:n.1', kept: 0, wanted: 0, holdTicks: 0 })
  expect(lease.returned).toBe(100)
  lease.accept(reply(0, { lease: '' }), 1021)
  expect(lease.open).toBe(false)
})

test('a spend can be given back until it is reported', () => {
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

test('after an older spend is given back, the remaining spend is not dated too early', () => {
  const lease = leased()
  lease.spend(1002)
  const { generation } = lease
  lease.spend(1020)
  lease.giveBack(generation)

  expect(lease.begin(1023, 100).spent).toEqual([Math.floor(3000 * 0.999), 1])
})

test('a spend that is given back during a call is not in the next report', () => {
  const lease = leased()
  lease.spend(1005)
  lease.begin(1010, 100)
  lease.spend(1011)
  lease.giveBack(lease.generation)
  lease.accept(reply(99), 1012)

  expect(lease.begin(1013, 100)).toMatchObject({ kept: 99, spent: [] })
})

test('a cost of several permits is granted whole or not at all', () => {
  const lease = new Lease({ ...terms, cost: 7 }, () => 0.5)
  expect(lease.begin(1000, 3)).toMatchObject({ wanted: 21, needed: 7 })
  lease.accept(reply(20), 1001)

  expect([lease.spend(1002), lease.spend(1002), lease.spend(1002)]).toEqual([true, true, false])
})

test('an unavailable Redis is asked with increasing pauses, up to 2 s', () => {
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

test('while more than half of the window is free, a lease lasts longer', () => {
  const lease = new Lease({ ...terms }, () => 0.5)
  lease.begin(1000, 100)
  lease.accept(reply(100, { left: 9000 }), 1001)

  expect(lease.spend(1103)).toBe(true)
  expect(lease.spend(1104)).toBe(false)
})
