import { expect, test } from 'vitest'
import { MessageQueue } from '../../../gateway/http/message-queue.ts'

test('WebSocket messages leave the message queue in order, with unchanged bytes and kind, both from memory and from the file', () => {
  const queue = new MessageQueue()
  // Memory takes 4 MiB. Later messages are in the file, until the queue is empty.
  const sizes = [0, 1, 5, 70_000, 3_000_000, 2_000_000, 0, 65_531, 65_536, 4_500_000, 1]
  const messageOf = (i: number) => ({ data: Buffer.alloc(sizes[i]!, i + 1), binary: i % 2 === 0 })
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < sizes.length; i++) queue.push(messageOf(i).data, messageOf(i).binary)
    for (let i = 0; i < sizes.length; i++) {
      expect(queue.empty).toBe(false)
      const { data, binary } = queue.shift()
      expect(binary).toBe(messageOf(i).binary)
      expect(Buffer.compare(Buffer.from(data), messageOf(i).data)).toBe(0)
    }
    expect([queue.empty, queue.bytes]).toEqual([true, 0])
  }
})

test('a cleared message queue is empty, and can be used again', () => {
  const queue = new MessageQueue()
  for (let i = 0; i < 6; i++) queue.push(Buffer.alloc(1_000_000, i), true)
  queue.shift()
  queue.clear()

  expect(queue.empty).toBe(true)
  queue.push(Buffer.from('after'), false)
  expect(Buffer.from(queue.shift().data).toString()).toBe('after')
})
