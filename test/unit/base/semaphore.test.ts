// The semaphore limits concurrent calls. Waiters are served in order; the number of waiters and the time of a wait are
// limited.

import { expect, test } from 'vitest'
import { Semaphore } from '../../../gateway/base/semaphore.ts'

test('the semaphore grants a free permit without waiting, and serves waiters in order', async () => {
  const turns = new Semaphore(1, 10)
  const order: string[] = []
  expect(turns.take(1000)).toBe(true)
  const waiting = ['b', 'c'].map(async (name) => {
    expect(await turns.take(1000)).toBe(true)
    order.push(name)
    turns.done()
  })
  turns.done()
  await Promise.all(waiting)

  expect(order).toEqual(['b', 'c'])
  expect(turns.take(0)).toBe(true)
})

test('a waiter of the semaphore that times out gets no permit and delays no other waiter', async () => {
  const turns = new Semaphore(1, 10)
  turns.take(0)
  expect(await turns.take(5)).toBe(false)
  turns.done()

  expect(turns.take(0)).toBe(true)
})

test('the semaphore refuses waiters beyond its queue limit', () => {
  const turns = new Semaphore(1, 2)
  turns.take(0)
  void turns.take(1000)
  void turns.take(1000)

  expect(turns.take(1000)).toBe(false)
})
