// One trouble is one line of the log, which names the connections that it took; what stays away is told again.

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

test('those that are lost together are one line, and one when all of them are back', () => {
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

test('one alone is told too, and so is one that is lost later', () => {
  lost.lose(events, 'events', gone)
  vi.advanceTimersByTime(250)
  lost.lose(store, 'store', refused)
  vi.advanceTimersByTime(250)

  expect(lines).toEqual([
    `warn redis connection lost: events (${gone})`,
    `warn redis connection lost: store (${refused})`,
  ])
})

test('one that is back before it was told is told all the same', () => {
  lost.lose(events, 'events', gone)
  lost.regain(events)

  expect(lines).toEqual([`warn redis connection lost: events (${gone})`, 'info redis connection restored: events'])
})

test('one that stays away while others are back is named', () => {
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

test('one that is being closed is waited for no more', () => {
  const closed = { closing: false }
  lost.lose(closed, 'closed', gone)
  lost.lose(store, 'store', gone)
  vi.advanceTimersByTime(250)
  closed.closing = true
  lines = []
  lost.regain(store)

  expect(lines).toEqual(['info redis connection restored: closed,store'])
})

test('what is untold at the end is told then, and nothing later', () => {
  lost.lose(store, 'store', gone)
  lost.close()
  vi.advanceTimersByTime(60_000)

  expect(lines).toEqual([`warn redis connection lost: store (${gone})`])
})
