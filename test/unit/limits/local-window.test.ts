import { expect, test } from 'vitest'
import { LocalWindow } from '../../../gateway/limits/local-window.ts'

// What a node grants by itself. Times are ms of one clock.

test('no interval of the window length admits more than the share, and room returns when entries leave', () => {
  const window = new LocalWindow(1000)
  const granted = [0, 500, 999, 1000, 1009, 1010, 1500].map((at) => window.take(1, 2, at))

  expect(granted).toEqual([true, true, false, false, false, true, false])
})

test('giving back removes the requests of the given tick, not later ones', () => {
  const window = new LocalWindow(1000)
  window.take(1, 2, 0)
  const { granted } = window
  window.take(1, 2, 900)
  window.giveBack(1, granted)

  expect([window.take(1, 2, 905), window.take(1, 2, 1100)]).toEqual([true, false])
})

test('giving back an entry that has left the window does not affect other entries', () => {
  const window = new LocalWindow(1000)
  window.take(1, 1, 0)
  const { granted } = window
  expect(window.take(1, 1, 1020)).toBe(true)
  window.giveBack(1, granted)

  expect(window.take(1, 1, 1500)).toBe(false)
})
