import { beforeEach, expect, test } from 'vitest'
import { RefusalAggregator } from '../../../gateway/audit/refusal-aggregator.ts'
import { parseAddress } from '../../../gateway/base/addresses.ts'
import type { Reason } from '../../../gateway/base/reasons.ts'

// Refused requests that match no route get one audit record each up to a rate; above the rate they share records. Every
// refused request is counted.

const BEGUN_MS = Date.parse('2030-01-31T12:00:00.000Z')

let nowMs: number
let timers: { readonly atMs: number; readonly work: () => void }[]
let records: Record<string, string | number>[]
let aggregator: RefusalAggregator

beforeEach(() => {
  nowMs = 5000
  timers = []
  records = []
  aggregator = new RefusalAggregator({
    node: 'n1',
    emit: (line) => records.push(JSON.parse(`{"id":"x",${line}`)),
    after: (ms, work) => {
      const timer = { atMs: nowMs + ms, work }
      timers.push(timer)
      return () => {
        timers = timers.filter((each) => each !== timer)
      }
    },
    now: () => nowMs,
  })
})

/**
 * Refuses `count` requests. @returns the number of refusals that are not aggregated, so that each needs its own audit
 * record
 */
function refuse(address: string, count: number, reason: Reason = 'route-unknown'): number {
  let single = 0
  for (let i = 0; i < count; i++) {
    const taken = aggregator.take({ address: parseAddress(address)!, reason, id: `r${i}`, nowMs: BEGUN_MS + i })
    if (!taken) single++
  }
  return single
}

function pass(ms: number): void {
  nowMs += ms
  for (const timer of timers.filter(({ atMs }) => atMs <= nowMs)) {
    timers = timers.filter((each) => each !== timer)
    timer.work()
  }
}

const sum = () => records.reduce((all, record) => all + Number(record['gatehouse.refusals']), 0)

test('up to 20 refused requests of an address per second get one audit record each', () => {
  expect(refuse('192.0.2.1', 20)).toBe(20)
  pass(1000)
  expect(refuse('192.0.2.1', 20)).toBe(20)
  pass(1000)
  expect(records).toEqual([])
  expect(timers).toEqual([])
})

test('refused requests of one address beyond 20 in a second share one audit record, which has their number and reasons', () => {
  expect(refuse('192.0.2.1', 50)).toBe(20)
  expect(refuse('192.0.2.1', 5, 'host-unknown')).toBe(0)
  expect(records).toEqual([])
  pass(1000)
  expect(records).toEqual([
    {
      id: 'x',
      time: '2030-01-31T12:00:00.020Z',
      kind: 'refusals',
      'gatehouse.node': 'n1',
      'client.address': '192.0.2.1',
      'gatehouse.request.id': 'r20',
      'gatehouse.decision': 'refused',
      'gatehouse.reason': 'route-unknown',
      'gatehouse.refusals': 35,
      'gatehouse.refusals.until': '2030-01-31T12:00:00.049Z',
      'gatehouse.refusals.reasons': '{"route-unknown":30,"host-unknown":5}',
    },
  ])
  expect(aggregator.aggregated).toBe(35)
})

test('the summary of refused requests in the audit log counts the addresses of one IPv6 /64 together, and other /64 networks separately', () => {
  expect(refuse('2001:db8:0:1::1', 16)).toBe(16)
  expect(refuse('2001:db8:0:1:ffff::2', 6)).toBe(4)
  expect(refuse('2001:db8:0:2::1', 6)).toBe(6)
  pass(1000)
  expect(records.map((record) => [record['client.address'], record['gatehouse.refusals']])).toEqual([
    ['2001:db8:0:1::/64', 2],
  ])
})

test('refused requests of 5,000 addresses in one second are recorded as 100 single audit records, 100 summary records of one address each, and one summary record of all other addresses', () => {
  let single = 0
  for (let i = 0; i < 5000; i++) single += refuse(`10.0.${i >> 8}.${i & 255}`, 4)
  expect(single).toBe(100)
  pass(1000)
  expect(records).toHaveLength(101)
  const [others, ...more] = records.filter((record) => record['client.address'] === undefined)
  expect(more).toEqual([])
  expect(others).toMatchObject({ kind: 'refusals', 'gatehouse.reason': 'route-unknown' })
  expect(single + sum()).toBe(20_000)
})

test('when the timer of a one-second window is late, the next refused request ends the window and its summary records', () => {
  refuse('192.0.2.1', 30)
  // Simulates a pause of the process, so that the timer runs late.
  nowMs += 5000
  expect(refuse('192.0.2.1', 1)).toBe(1)
  expect(sum()).toBe(10)
})

test('a flush writes the summary records of refused requests, and a second flush writes nothing more', () => {
  refuse('192.0.2.1', 30)
  aggregator.flush()
  aggregator.flush()
  pass(2000)
  expect(sum()).toBe(10)
  expect(timers).toEqual([])
})
