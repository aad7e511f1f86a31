import { expect, test } from 'vitest'
import { PacedQueue } from '../../../gateway/base/paced-queue.ts'

test('a PacedQueue runs its tasks in order, one in each turn of the event loop, and refuses a task beyond its limit', async () => {
  const queue = new PacedQueue(3)
  const done: (number | string)[] = []
  const first = queue.run(() => done.push(1))
  const failed = queue.run(() => {
    done.push(2)
    throw new Error('failed')
  })
  setTimeout(() => done.push('another turn'), 0)
  const third = queue.run(() => done.push(3))
  expect(queue.run(() => done.push(4))).toBeUndefined()
  await expect(failed).rejects.toThrow('failed')
  await Promise.all([first, third])
  expect(done.filter((each) => each !== 'another turn')).toEqual([1, 2, 3])
  expect(done.indexOf('another turn')).toBeLessThan(done.indexOf(3))
  expect(await queue.run(() => 'accepted')).toBe('accepted')
})
