import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { inSlices } from '../../../gateway/base/in-slices.ts'

test('inSlices handles all items before it returns if there are no more items than the maximum for one turn of the event loop', () => {
  const seen: number[] = []
  void inSlices([1, 2, 3], 3, (item) => seen.push(item))
  expect(seen).toEqual([1, 2, 3])
})

test('inSlices handles at most the maximum number of items in one turn of the event loop, and handles every item', async () => {
  const items = new Set(Array.from({ length: 5000 }, (_, i) => i))
  let seen = 0
  const bursts: number[] = []
  let over = false
  const counting = (async () => {
    for (let before = 0; !over; before = seen) {
      await nextTurn()
      bursts.push(seen - before)
    }
  })()
  await inSlices(items, 100, () => seen++)
  over = true
  await counting
  expect(seen).toBe(5000)
  expect(Math.max(...bursts)).toBeLessThanOrEqual(2 * 100)
  expect(bursts.length).toBeGreaterThan(20)
})

test('inSlices rejects with the exception that the work on an item throws', async () => {
  const failing = inSlices([1], 10, () => {
    throw new Error('deliberate')
  })
  await expect(failing).rejects.toThrow('deliberate')
})
