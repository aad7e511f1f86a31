import { expect, test } from 'vitest'
import { MessageWindows } from '../../../gateway/streams/message-windows.ts'

const limit = { label: 'route/r/a', messages: 10, windowMs: 1600 }

test('a WebSocket limit of messages is not exceeded in any interval of the length of its window', () => {
  const meter = new MessageWindows().open([limit], 's')
  const admitted: number[] = []
  let seed = 7
  let now = 0
  while (now < 60_000) {
    if (meter.take(now) === undefined) admitted.push(now)
    seed = (seed * 48_271) % 2_147_483_647
    now += seed % 90
  }

  for (const [i, start] of admitted.entries()) {
    const within = admitted.slice(i).filter((at) => at < start + limit.windowMs)
    expect(within.length).toBeLessThanOrEqual(limit.messages)
  }
  // A full rate uses at least the window and one part of it for each set of messages.
  expect(admitted.length).toBeGreaterThan((60_000 / (1600 * (17 / 16) + 100)) * 10 * 0.8)
})

test('the streams of a subject share the window of a limit of messages, and the window remains after the streams end', () => {
  const windows = new MessageWindows()
  const [first, second, other] = [windows.open([limit], 's'), windows.open([limit], 's'), windows.open([limit], 't')]
  for (let i = 0; i < 10; i++) expect([first, second][i % 2]!.take(0)).toBeUndefined()

  expect(first.take(0)).toBe(limit)
  expect(other.take(0)).toBeUndefined()
  first.close()
  second.close()
  const later = windows.open([limit], 's')
  expect(later.take(1000)).toBe(limit)
  expect(later.take(1800)).toBeUndefined()
})

test('of several limits of messages, the strictest one decides, and a window that was not used for a long time is empty', () => {
  const small = { label: 'route/r/b', messages: 2, windowMs: 160 }
  const meter = new MessageWindows().open([limit, small], 's')

  expect([meter.take(0), meter.take(0), meter.take(0)]).toEqual([undefined, undefined, small])
  expect(meter.take(1_000_000)).toBeUndefined()
})

test('messages that the gate delayed do not exceed the limit of messages when they are sent; later messages can reach the limit again', () => {
  const meter = new MessageWindows().open([limit], 's')
  const exceeds = (now: number): boolean => meter.take(now) === limit
  let queued = 60
  meter.noteDelay(0)
  const admitted: number[] = []
  let now = 0
  for (; queued > 0; now += 50) {
    while (queued > 0 && !meter.mustWait(now)) {
      expect(meter.take(now)).toBeUndefined()
      admitted.push(now)
      queued--
    }
  }
  for (const start of admitted) {
    expect(admitted.filter((at) => at >= start && at < start + limit.windowMs).length).toBeLessThanOrEqual(10)
  }

  // Within its limit for a window and a part of it: no message is late any more.
  now += 2 * limit.windowMs
  for (let i = 0; i < 10; i++) {
    expect(meter.mustWait(now)).toBe(false)
    expect(exceeds(now)).toBe(false)
  }
  expect(meter.mustWait(now)).toBe(false)
  expect(exceeds(now)).toBe(true)
})
