import { expect, test, vi } from 'vitest'
import { Freshness } from '../../../gateway/cluster/freshness.ts'

// The age of what a node knows counts from when the read was sent, by clocks read at each check.

test('before the first read nothing is fresh', () => {
  expect(new Freshness().within(1e12)).toBe(false)
})

test('counts from the time of sending, not from now', () => {
  const freshness = new Freshness()
  freshness.proven(performance.now() - 3000, Date.now() - 3000, 60_000)
  expect(freshness.within(2900)).toBe(false)
  expect(freshness.within(60_000)).toBe(true)
})

test('never goes beyond the lease that the others count with', () => {
  const freshness = new Freshness()
  freshness.proven(performance.now() - 3000, Date.now() - 3000, 2000)
  expect(freshness.within(60_000)).toBe(false)
})

test.each([
  { clock: 'ahead, as after a suspension', byMs: 60_000, fresh: false },
  { clock: 'back', byMs: -3_600_000, fresh: true },
])('a wall clock that jumps $clock', ({ byMs, fresh }) => {
  const freshness = new Freshness()
  const nowMs = Date.now()
  freshness.proven(performance.now(), nowMs, 10_000)
  const clock = vi.spyOn(Date, 'now').mockReturnValue(nowMs + byMs)
  expect(freshness.within(10_000)).toBe(fresh)
  clock.mockRestore()
})
