import { expect, test } from 'vitest'
import { LocalWindow } from '../../../gateway/limits/local-window.ts'

// What a node grants by itself. Times are ms of one clock.

test('no interval of its length holds more than the share, and what left makes room', () => {
  const window = new LocalWindow(1000)
  const granted = [0, 500, 999, 1000, 1009, 1010, 1500].map((at) => window.take(1, 2, at))

  expect(granted).toEqual([true, true, false, false, false, true, false])
})

test('what is taken back is what was granted then, whatever was granted since', () => {
  const window = new LocalWindow(1000)
  window.take(1, 2, 0)
  const { granted } = window
  window.take(1, 2, 900)
  window.giveBack(1, granted)

  expect([window.take(1, 2, 905), window.take(1, 2, 1100)]).toEqual([true, false])
})

test('what left the window is not taken back from others', () => {
  const window = new LocalWindow(1000)
  window.take(1, 1, 0)
  const { granted } = window
  expect(window.take(1, 1, 1020)).toBe(true)
  window.giveBack(1, granted)

  expect(window.take(1, 1, 1500)).toBe(false)
})
