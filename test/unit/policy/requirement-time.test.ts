// Time requirements in a time zone: windows over midnight, at the start and end of daylight saving time, and between
// two dates.

import { expect, test } from 'vitest'
import type { TimeEntry } from '../../../gateway/policy/requirements/time.ts'
import { weekdays } from '../../../gateway/policy/requirements/zone-clock.ts'
import { fc } from '../../kit/properties.ts'
import { compiled, inputOf, outcomeOf } from './requirement-input.ts'

const hour = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))

interface Window extends Omit<Partial<TimeEntry>, 'from' | 'to'> {
  readonly from?: string
  readonly to?: string
}

function window({ from = '00:00', to = '24:00', zone = 'UTC', ...rest }: Window) {
  return compiled({ time: { from: hour(from), to: hour(to), zone, ...rest } })
}

// 2026-03-02 is a Monday. Berlin changes to summer time at 2026-03-29T01:00Z, and back to winter time at
// 2026-10-25T01:00Z.
test.each<[window: Window, now: string, open: boolean]>([
  [{ from: '08:00', to: '18:00' }, '2026-03-02T07:59:59.999Z', false],
  [{ from: '08:00', to: '18:00' }, '2026-03-02T08:00:00Z', true],
  [{ from: '08:00', to: '18:00' }, '2026-03-02T17:59:59.999Z', true],
  [{ from: '08:00', to: '18:00' }, '2026-03-02T18:00:00Z', false],
  [{ from: '08:00', to: '18:00', zone: 'Europe/Berlin' }, '2026-03-02T07:00:00Z', true],
  [{ from: '08:00', to: '18:00', zone: 'Europe/Berlin' }, '2026-03-02T17:00:00Z', false],
  [{ from: '08:00', to: '18:00', zone: 'Asia/Kathmandu' }, '2026-03-02T02:15:00Z', true],
  [{ from: '08:00', to: '18:00', zone: 'Asia/Kathmandu' }, '2026-03-02T02:14:59Z', false],
  [{ from: '00:00', to: '00:01' }, '2026-03-02T00:00:30Z', true],
  [{ from: '23:59', to: '24:00' }, '2026-03-02T23:59:30Z', true],
  [{ from: '23:59', to: '24:00' }, '2026-03-03T00:00:00Z', false],
  // days, in the zone
  [{ days: ['mon'] }, '2026-03-02T00:00:00Z', true],
  [{ days: ['mon'] }, '2026-03-01T23:59:59Z', false],
  [{ days: ['mon'] }, '2026-03-03T00:00:00Z', false],
  [{ days: ['mon'], zone: 'Pacific/Auckland' }, '2026-03-01T11:00:00Z', true],
  [{ days: ['sat', 'sun'] }, '2026-03-01T12:00:00Z', true],
  // windows over midnight: `days` names the day on which the window starts
  [{ from: '22:00', to: '06:00' }, '2026-03-02T21:59:00Z', false],
  [{ from: '22:00', to: '06:00' }, '2026-03-02T22:00:00Z', true],
  [{ from: '22:00', to: '06:00' }, '2026-03-03T05:59:00Z', true],
  [{ from: '22:00', to: '06:00' }, '2026-03-03T06:00:00Z', false],
  [{ from: '22:00', to: '06:00', days: ['mon'] }, '2026-03-02T05:00:00Z', false],
  [{ from: '22:00', to: '06:00', days: ['mon'] }, '2026-03-02T23:00:00Z', true],
  [{ from: '22:00', to: '06:00', days: ['mon'] }, '2026-03-03T05:00:00Z', true],
  [{ from: '22:00', to: '06:00', days: ['mon'] }, '2026-03-03T23:00:00Z', false],
  [{ from: '22:00', to: '06:00', days: ['sun'] }, '2026-03-02T05:00:00Z', true],
  [{ from: '22:00', to: '00:00', days: ['mon'] }, '2026-03-02T23:59:00Z', true],
  [{ from: '22:00', to: '00:00', days: ['mon'] }, '2026-03-03T00:00:00Z', false],
  // start of summer time: the local times 02:00 to 03:00 do not exist
  [{ from: '02:00', to: '03:00', zone: 'Europe/Berlin' }, '2026-03-29T00:59:59Z', false],
  [{ from: '02:00', to: '03:00', zone: 'Europe/Berlin' }, '2026-03-29T01:00:00Z', false],
  [{ from: '08:00', to: '09:00', zone: 'Europe/Berlin' }, '2026-03-29T06:30:00Z', true],
  [{ from: '08:00', to: '09:00', zone: 'Europe/Berlin' }, '2026-03-28T06:30:00Z', false],
  // end of summer time: the local times 02:00 to 03:00 occur twice
  [{ from: '02:00', to: '03:00', zone: 'Europe/Berlin' }, '2026-10-25T00:30:00Z', true],
  [{ from: '02:00', to: '03:00', zone: 'Europe/Berlin' }, '2026-10-25T01:30:00Z', true],
  [{ from: '02:00', to: '03:00', zone: 'Europe/Berlin' }, '2026-10-25T02:00:00Z', false],
  // two moments, both within
  [{ not_before: Date.parse('2026-03-02T10:00:00Z') }, '2026-03-02T09:59:59.999Z', false],
  [{ not_before: Date.parse('2026-03-02T10:00:00Z') }, '2026-03-02T10:00:00Z', true],
  [{ not_after: Date.parse('2026-03-02T10:00:00Z') }, '2026-03-02T10:00:00Z', true],
  [{ not_after: Date.parse('2026-03-02T10:00:00Z') }, '2026-03-02T10:00:00.001Z', false],
  [{ from: '08:00', to: '09:00', not_after: Date.parse('2026-03-02T08:30:00Z') }, '2026-03-02T08:40:00Z', false],
])('whether the time requirement %j is met at %s: %s', (entry, now, open) => {
  expect(outcomeOf(window(entry), { now })).toBe(open ? 'met' : 'time-outside')
})

test('the result of a time requirement is right when the clock goes forwards and backwards', () => {
  const morning = window({ from: '08:00', to: '09:00', zone: 'Europe/Berlin' })
  const at = ['06:59:59', '07:00:00', '07:59:59', '08:00:00', '07:30:00', '06:59:59']

  expect(at.map((time) => outcomeOf(morning, { now: `2026-03-02T${time}Z` }))).toEqual([
    'time-outside',
    'met',
    'met',
    'time-outside',
    'met',
    'time-outside',
  ])
})

test('time requirements of the same zone and of different zones give independent results', () => {
  const [here, there, both] = [
    window({ from: '08:00', to: '09:00', zone: 'Europe/Berlin' }),
    window({ from: '08:00', to: '09:00', zone: 'America/New_York' }),
    window({ from: '08:30', to: '09:00', zone: 'europe/berlin' }),
  ]
  const outcomes = (now: string) => [here, there, both].map((each) => outcomeOf(each, { now }))

  expect(outcomes('2026-03-02T07:10:00Z')).toEqual(['met', 'time-outside', 'time-outside'])
  expect(outcomes('2026-03-02T13:10:00Z')).toEqual(['time-outside', 'met', 'time-outside'])
  expect(outcomes('2026-03-02T07:40:00Z')).toEqual(['met', 'time-outside', 'met'])
})

/**
 * Slow reference that decides whether a window is open: checks the windows that start on the day of `nowMs` and on the
 * day before.
 */
function isOpen({ days, from, to, zone }: TimeEntry, nowMs: number): boolean {
  // `sv-SE` formats the local time as 2026-03-02 08:00:00. Read as UTC, this text gives a linear scale of local time.
  const wall = Date.parse(`${new Date(nowMs).toLocaleString('sv-SE', { timeZone: zone }).replace(' ', 'T')}Z`)
  const midnight = Math.floor(wall / 86_400_000) * 86_400_000
  return [midnight - 86_400_000, midnight].some((day) => {
    const name = weekdays[(new Date(day).getUTCDay() + 6) % 7]!
    const end = day + to * 60_000 + (to < from ? 86_400_000 : 0)
    return (days ?? weekdays).includes(name) && wall >= day + from * 60_000 && wall < end
  })
}

test('the result of a time requirement with any window and zone is that of a slow reference implementation at any time of this century', () => {
  const zone = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/St_Johns',
    'Australia/Lord_Howe',
    'Pacific/Apia',
    'Asia/Tehran',
  )
  const entry = fc.record(
    {
      days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1 }),
      from: fc.nat(1439),
      to: fc.nat(1440),
      zone,
    },
    { requiredKeys: ['from', 'to', 'zone'] },
  )
  // Half of the times are within a day of a change of a time zone's offset.
  const changes = [
    '2026-03-29T01:00Z',
    '2026-10-25T01:00Z',
    '2026-03-08T05:30Z',
    '2026-04-04T15:00Z',
    '2011-12-30T10:00Z',
  ]
  const near = fc.tuple(fc.constantFrom(...changes), fc.integer({ min: -86_400_000, max: 86_400_000 }))
  const now = fc.oneof(
    fc.integer({ min: Date.UTC(2001, 0), max: Date.UTC(2099, 0) }),
    near.map(([change, offset]) => Date.parse(change) + offset),
  )
  fc.assert(
    fc.property(entry, now, (time, nowMs) => {
      fc.pre(time.from !== time.to)
      const outcome = outcomeOf(compiled({ time }), { now: new Date(nowMs).toISOString() })
      expect(outcome).toBe(isOpen(time, nowMs) ? 'met' : 'time-outside')
    }),
    { numRuns: 500 },
  )
})

test('a request outside the required hours gets 403 forbidden, and the text for `gatehouse explain` names every condition', () => {
  const closed = window({ from: '08:00', to: '09:00' })

  expect(closed.evaluate(inputOf({}))).toMatchObject({ status: 403, code: 'forbidden', challenges: [] })
  expect(closed).toMatchObject({ demand: 'time 08:00-09:00 UTC', reason: 'time-outside', subRequirements: [] })
  expect(
    window({
      days: ['mon', 'fri'],
      from: '22:00',
      to: '06:00',
      zone: 'Europe/Berlin',
      not_before: 0,
      not_after: 1500,
    }).demand,
  ).toBe('time mon, fri 22:00-06:00 Europe/Berlin; not before 1970-01-01T00:00:00Z; not after 1970-01-01T00:00:01.500Z')
  expect(window({ not_after: 0 }).demand).toBe('time not after 1970-01-01T00:00:00Z')
})
