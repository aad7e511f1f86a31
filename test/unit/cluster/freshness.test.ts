import { expect, test, vi } from 'vitest'
import { Freshness } from '../../../gateway/cluster/freshness.ts'

// The age of the cluster state of a node is measured from the moment when the last read was sent, by both the monotonic
// clock and the wall clock.

test('the cluster state of a node is not fresh before the node has read it for the first time', () => {
  expect(new Freshness().within(1e12)).toBe(false)
})

test('the age of the cluster state of a node is measured from the moment when the node sent the read command', () => {
  const freshness = new Freshness()
  freshness.recordRead(performance.now() - 3000, Date.now() - 3000, 60_000)
  expect(freshness.within(2900)).toBe(false)
  expect(freshness.within(60_000)).toBe(true)
})

test('the cluster state of a node is not fresh after the lease of the node has expired', () => {
  const freshness = new Freshness()
  freshness.recordRead(performance.now() - 3000, Date.now() - 3000, 2000)
  expect(freshness.within(60_000)).toBe(false)
})

test.each([
  { clock: 'ahead by 60 s, as after a suspension', byMs: 60_000, fresh: false },
  { clock: 'back by one hour', byMs: -3_600_000, fresh: true },
])(
  'whether the cluster state of a node is fresh after the wall clock of the node was set $clock: $fresh',
  ({ byMs, fresh }) => {
    const freshness = new Freshness()
    const nowMs = Date.now()
    freshness.recordRead(performance.now(), nowMs, 10_000)
    const clock = vi.spyOn(Date, 'now').mockReturnValue(nowMs + byMs)
    expect(freshness.within(10_000)).toBe(fresh)
    clock.mockRestore()
  },
)
