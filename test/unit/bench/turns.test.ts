import { expect, test } from 'vitest'
import { inTurns } from '../../../bench/harness/turns.ts'

// Contenders of a benchmark run in alternating order, so that other load on the machine affects all of them equally.

test('the programs that a benchmark compares warm up once and then run in the order A B, B A, A B', async () => {
  const order: string[] = []
  const contender = (name: string) => async () => order.push(name)

  const found = await inTurns({ a: contender('a'), b: contender('b') }, 3)

  expect(order.join(' ')).toBe('a b a b b a a b')
  expect(found).toEqual({ a: [3, 6, 7], b: [4, 5, 8] })
})
