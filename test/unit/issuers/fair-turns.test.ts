// The fair semaphore limits concurrent calls, some of which unauthenticated clients cause. It has a limit for all
// permits and a limit for each key, such as a client address, and serves the waiting keys in rotation.

import { expect, test } from 'vitest'
import { FairSemaphore } from '../../../gateway/issuers/fair-semaphore.ts'
import { until } from '../../kit/until.ts'

const LONG_MS = 60_000

/** Waits for a permit of `key`, and appends `name` to `order` when the permit is granted. */
function taking(turns: FairSemaphore, key: string, name: string, order: string[]): Promise<void> {
  return Promise.resolve(turns.of(key).take(LONG_MS)).then((granted) => {
    order.push(granted ? name : `${name} refused`)
  })
}

test('the fair semaphore limits the permits of one key, and gives permits to other keys without waiting', async () => {
  const turns = new FairSemaphore({ atOnce: 4, perKey: 2, waitingMax: 10 })
  expect([turns.of('a').take(0), turns.of('a').take(0)]).toEqual([true, true])
  const third = turns.of('a').take(LONG_MS)
  expect(third).toBeInstanceOf(Promise)
  expect([turns.of('b').take(0), turns.of('b').take(0)]).toEqual([true, true])

  turns.of('b').done()
  expect(turns.of('c').take(0)).toBe(true)
  turns.of('a').done()
  expect(await third).toBe(true)
})

test('the fair semaphore serves the waiters of one key in order of arrival, and the keys in rotation', async () => {
  const turns = new FairSemaphore({ atOnce: 1, perKey: 1, waitingMax: 10 })
  turns.of('first').take(0)
  const order: string[] = []
  const waiting = [
    ...['a1', 'a2', 'a3'].map((name) => taking(turns, 'a', name, order)),
    taking(turns, 'b', 'b1', order),
    taking(turns, 'c', 'c1', order),
  ]
  turns.of('first').done()
  for (const [i, key] of ['a', 'b', 'c', 'a'].entries()) {
    await Promise.race(waiting.slice(i))
    await Promise.resolve()
    turns.of(key).done()
  }
  await Promise.all(waiting)

  expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'a3'])
})

test('the fair semaphore gives its reserved permits only to known keys, not to unknown keys', async () => {
  const turns = new FairSemaphore({ atOnce: 4, perKey: 1, reserved: 1, waitingMax: 1 })
  expect(['a', 'b', 'c'].map((key) => turns.of(key).take(0))).toEqual([true, true, true])
  const waiting = turns.of('d').take(LONG_MS)
  expect(waiting).toBeInstanceOf(Promise)
  expect(turns.of('e').take(LONG_MS)).toBe(false)

  expect(turns.of('f', true).take(0)).toBe(true)
  // The queue of unknown keys is full; the queue of known keys is separate.
  const known = turns.of('g', true).take(LONG_MS)
  expect(known).toBeInstanceOf(Promise)
  turns.of('f', true).done()
  expect(await known).toBe(true)
  turns.of('a').done()
  expect(await waiting).toBe(true)
})

test('while known and unknown keys wait, the fair semaphore gives three permits to known keys, then one to an unknown key, and so on', async () => {
  const turns = new FairSemaphore({ atOnce: 1, perKey: 1, waitingMax: 10 })
  turns.of('first').take(0)
  const order: string[] = []
  const keys = ['u1', 'u2', 'k1', 'k2', 'k3', 'k4', 'k5']
  for (const key of keys) {
    void Promise.resolve(turns.of(key, key.startsWith('k')).take(LONG_MS)).then(() => order.push(key))
  }

  turns.of('first').done()
  for (let served = 0; served < keys.length; served++) {
    await Promise.resolve()
    await Promise.resolve()
    const key = order[served]!
    turns.of(key, key.startsWith('k')).done()
  }

  expect(order).toEqual(['k1', 'k2', 'k3', 'u1', 'k4', 'k5', 'u2'])
})

test('a waiter of the fair semaphore that has timed out takes no permit', async () => {
  const turns = new FairSemaphore({ atOnce: 1, perKey: 1, waitingMax: 10 })
  turns.of('a').take(0)
  expect(await turns.of('b').take(5)).toBe(false)
  turns.of('a').done()

  expect(turns.of('c').take(0)).toBe(true)
})

test('when the queue of the fair semaphore is full, a waiter of the key with the most waiters is dropped', async () => {
  const turns = new FairSemaphore({ atOnce: 1, perKey: 1, waitingMax: 3 })
  turns.of('first').take(0)
  const order: string[] = []
  const waiting = ['a1', 'a2', 'a3'].map((name) => taking(turns, 'a', name, order))
  expect(turns.of('a').take(LONG_MS)).toBe(false)
  waiting.push(taking(turns, 'b', 'b1', order))
  await waiting[2]
  expect(order).toEqual(['a3 refused'])

  // Two waiters of key a and one of key b are queued. A second waiter of b is refused, because b would then have as
  // many waiters as a. A first waiter of c replaces a waiter of a.
  expect(turns.of('b').take(LONG_MS)).toBe(false)
  waiting.push(taking(turns, 'c', 'c1', order))
  await waiting[1]
  expect(order).toEqual(['a3 refused', 'a2 refused'])
  for (const key of ['a', 'b', 'c', 'd']) expect(turns.of(key).take(LONG_MS)).toBe(false)
})

test('in the fair semaphore, all keys of one network have one place in the rotation, and when the queue is full, one of their waiters is dropped for a waiter of another network', async () => {
  const turns = new FairSemaphore({ atOnce: 1, perKey: 1, waitingMax: 4, networkOf: (key) => key[0]! })
  turns.of('first').take(0)
  const order: string[] = []
  const waiting = ['n1', 'n2', 'n3', 'n4'].map((key) => taking(turns, key, key, order))
  // Keys of this network fill the whole queue. Another key of the same network gets no place.
  expect(turns.of('n5').take(LONG_MS)).toBe(false)

  waiting.push(taking(turns, 'o', 'o', order))
  await waiting[3]
  expect(order).toEqual(['n4 refused'])
  turns.of('first').done()
  for (const key of ['n1', 'o', 'n2', 'n3']) {
    await until(`${key} has the permit`, () => order.includes(key))
    turns.of(key).done()
  }
  expect(order).toEqual(['n4 refused', 'n1', 'o', 'n2', 'n3'])
})

test('after all permits of the fair semaphore are released, all permits are free again', async () => {
  const turns = new FairSemaphore({ atOnce: 3, perKey: 2, waitingMax: 100 })
  const keys = Array.from({ length: 30 }, (_, i) => `${i % 5}`)
  let atOnce = 0
  let most = 0
  await Promise.all(
    keys.map(async (key) => {
      expect(await turns.of(key).take(LONG_MS)).toBe(true)
      most = Math.max(most, ++atOnce)
      await new Promise((resolve) => setImmediate(resolve))
      atOnce--
      turns.of(key).done()
    }),
  )

  expect(most).toBe(3)
  expect(['x', 'x', 'y'].map((key) => turns.of(key).take(0))).toEqual([true, true, true])
})
