import { expect, test } from 'vitest'
import { comparePositions, positionMs } from '../../../gateway/cluster/position.ts'

// Ids of stream entries have the form `<ms>-<n>`. They are compared as two numbers, never as text.

test.each([
  { a: '5-0', b: '5-0', order: 0 },
  { a: '5-1', b: '5-0', order: 1 },
  { a: '5-9', b: '5-10', order: -1 },
  { a: '9-0', b: '10-0', order: -1 },
  { a: '1795542974020-3', b: '1795542974019-9', order: 1 },
])('the comparison of the stream positions $a and $b gives $order', ({ a, b, order }) => {
  expect(Math.sign(comparePositions(a, b))).toBe(order)
  expect(Math.sign(comparePositions(b, a))).toBe(order === 0 ? 0 : -order)
})

test('the time of a stream position is the number before the hyphen, in ms', () => {
  expect(positionMs('1795542974020-3')).toBe(1_795_542_974_020)
})
