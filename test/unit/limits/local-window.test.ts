import { expect, test } from 'vitest'
import { LocalWindow } from '../../../gateway/limits/local-window.ts'

// Permits that a node grants by itself, without Redis. Times are ms of one clock.

test('a local window admits at most the share of the node in any interval of its length, and a permit is free again when its request leaves the window', () => {
  const window = new LocalWindow(1000)
  const granted = [0, 500, 999, 1000, 1009, 1010, 1500].map((at) => window.take(1, 2, at))

  expect(granted).toEqual([true, true, false, false, false, true, false])
})

test('giving back a permit to a local window removes the request of the given tick (1/100 of the window), not a later request', () => {
  const window = new LocalWindow(1000)
  window.take(1, 2, 0)
  const { granted } = window
  window.take(1, 2, 900)
  window.giveBack(1, granted)

  expect([window.take(1, 2, 905), window.take(1, 2, 1100)]).toEqual([true, false])
})

test('returning a permit of a request that has already left the local window does not affect other requests', () => {
  const window = new LocalWindow(1000)
  window.take(1, 1, 0)
  const { granted } = window
  expect(window.take(1, 1, 1020)).toBe(true)
  window.giveBack(1, granted)

  expect(window.take(1, 1, 1500)).toBe(false)
})
