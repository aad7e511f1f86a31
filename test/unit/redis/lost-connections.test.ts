// Redis connections that are lost within 250 ms are named in one log line. If only some of them return, a later line
// names the connections that stay lost.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LostConnections } from '../../../gateway/redis/lost-connections.ts'

let lines: string[]
let lost: LostConnections
const store = { closing: false }
const events = { closing: false }
const [gone, refused] = ['redis: the server closed the connection', 'redis: ECONNREFUSED']

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  lines = []
  lost = new LostConnections((level, message, { connections, reason }) =>
    lines.push(`${level} ${message}: ${(connections as string[]).join()}${reason === undefined ? '' : ` (${reason})`}`),
  )
})
afterEach(() => vi.useRealTimers())

test('if a node loses several Redis connections together, it logs their loss in one line, and their return in one line', () => {
  lost.lose(store, 'store', gone)
  lost.lose(events, 'events', gone)
  lost.lose(store, 'store', refused)
  expect(lines).toEqual([])
  vi.advanceTimersByTime(250)
  expect(lines.splice(0)).toEqual([`warn redis connection lost: store,events (${gone})`])

  lost.regain(store)
  lost.regain(events)
  lost.regain(events)
  vi.advanceTimersByTime(60_000)
  expect(lines).toEqual(['info redis connection restored: store,events'])
})

test('if a node loses a second Redis connection later than the first, it logs the second loss in a line of its own', () => {
  lost.lose(events, 'events', gone)
  vi.advanceTimersByTime(250)
  lost.lose(store, 'store', refused)
  vi.advanceTimersByTime(250)

  expect(lines).toEqual([
    `warn redis connection lost: events (${gone})`,
    `warn redis connection lost: store (${refused})`,
  ])
})

test('a node logs a lost Redis connection even if the connection returns before the loss was logged', () => {
  lost.lose(events, 'events', gone)
  lost.regain(events)

  expect(lines).toEqual([`warn redis connection lost: events (${gone})`, 'info redis connection restored: events'])
})

test('a node logs the name of a Redis connection that stays lost while others return', () => {
  lost.lose(store, 'store', gone)
  lost.lose(events, 'events', gone)
  vi.advanceTimersByTime(250)
  lost.regain(store)
  lines = []
  vi.advanceTimersByTime(60_000)
  expect(lines.splice(0)).toEqual(['warn redis connection still lost; other connections are restored: events'])

  lost.regain(events)
  expect(lines).toEqual(['info redis connection restored: store,events'])
})

test('a node logs the return of lost Redis connections without waiting for a connection that is being closed', () => {
  const closed = { closing: false }
  lost.lose(closed, 'closed', gone)
  lost.lose(store, 'store', gone)
  vi.advanceTimersByTime(250)
  closed.closing = true
  lines = []
  lost.regain(store)

  expect(lines).toEqual(['info redis connection restored: closed,store'])
})

test('when a node stops logging its Redis connections, it first logs the losses that it has not logged yet, and nothing afterwards', () => {
  lost.lose(store, 'store', gone)
  lost.close()
  vi.advanceTimersByTime(60_000)

  expect(lines).toEqual([`warn redis connection lost: store (${gone})`])
})
