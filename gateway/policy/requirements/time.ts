import { z } from 'zod'
import { type Denial, denial } from '../../base/denial.ts'
import { InvalidText, parsedText } from '../../config/text-schemas.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { requirementKind } from './requirement-kind.ts'
import { dayMinutes, weekdays, type ZoneClock, zoneClock } from './zone-clock.ts'

const outside = denial('time-outside')

const hour = parsedText('a time of day such as 08:00, from 00:00 to 24:00', readHour)
const instant = parsedText('a moment by RFC 3339 such as 2026-12-31T23:59:59Z', readInstant)
const zone = parsedText('the IANA name of a time zone, such as Europe/Berlin', (name) =>
  isZone(name) ? name : undefined,
)

/** Schema of the requirement `time`: the times at which a request is admitted. */
const timeEntry = z
  .strictObject({
    days: z
      .array(z.enum(weekdays, { error: `must be one of ${weekdays.join(', ')}` }))
      .min(1)
      .optional()
      .describe('Days on which the hours start: mon, tue, wed, thu, fri, sat, sun. Default: every day.'),
    from: hour.prefault('00:00').describe('Start of the hours, as local time of `zone`. Default 00:00.'),
    to: hour
      .prefault('24:00')
      .describe('End of the hours, excluded. A value before `from` is on the following day. Default 24:00.'),
    zone: zone
      .prefault('UTC')
      .describe(
        'Time zone of `from` and `to`: an IANA name such as Europe/Berlin, with daylight saving time. Default UTC.',
      ),
    not_before: instant
      .optional()
      .describe('Start of the period (RFC 3339): before it the requirement is not met. Default: none.'),
    not_after: instant
      .optional()
      .describe('End of the period (RFC 3339): after it the requirement is not met. Default: none.'),
  })
  .check((context) => {
    const { days, from, to, not_before, not_after } = context.value
    const add = (code: string, message: string) =>
      context.issues.push({ code: 'custom', message, params: { code }, input: context.value, continue: true })
    if (from === to || from === dayMinutes) {
      add('GH_POLICY_CONTRADICTION', 'from and to must differ, and from must be before 24:00')
    }
    if (not_before !== undefined && not_after !== undefined && not_before >= not_after) {
      add('GH_POLICY_CONTRADICTION', 'not_before must be earlier than not_after')
    }
    const allWeek = from === 0 && to === dayMinutes && (days === undefined || new Set(days).size === weekdays.length)
    if (allWeek && not_before === undefined && not_after === undefined) {
      add('GH_POLICY_REQUIREMENT', 'must state a condition: days, from, to, not_before or not_after')
    }
  })

export type TimeEntry = z.output<typeof timeEntry>

export const time = requirementKind({
  key: 'time',
  schema: timeEntry.describe('Hours and days in a time zone, and the start and end of the period.'),
  reasons: ['time-outside'],
  compile: (entry) => new Time(entry),
  print: printTime,
})

/**
 * Requirement that is met within daily or weekly hours in a time zone, and between two instants. Hours that pass
 * midnight belong to the day on which they start. The hour skipped in spring never occurs; both occurrences of the hour
 * repeated in autumn count. Denies 403 `forbidden`.
 *
 * Reads the zone's clock at most once per minute.
 */
class Time implements Requirement {
  readonly demand: string
  readonly reason = 'time-outside'
  readonly subRequirements = []
  readonly #from: number
  readonly #to: number
  /** Whether the required hours start on a weekday, by weekday number; 0 is Monday. */
  readonly #days: readonly boolean[]
  readonly #notBeforeMs: number
  readonly #notAfterMs: number
  readonly #clock: ZoneClock
  /** Minute since the Unix epoch for which `#open` is valid. */
  #minute = Number.NaN
  #open = false

  constructor(entry: TimeEntry) {
    const { days, from, to, zone, not_before, not_after } = entry
    this.demand = formatTime(entry)
    this.#from = from
    this.#to = to
    this.#days = weekdays.map((day) => days?.includes(day) ?? true)
    this.#notBeforeMs = not_before ?? Number.NEGATIVE_INFINITY
    this.#notAfterMs = not_after ?? Number.POSITIVE_INFINITY
    this.#clock = zoneClock(zone)
  }

  evaluate({ nowMs }: RequirementInput): Denial | undefined {
    if (nowMs < this.#notBeforeMs || nowMs > this.#notAfterMs) return outside
    const minute = Math.floor(nowMs / 60_000)
    if (minute !== this.#minute) {
      this.#open = this.#isOpen(minute)
      this.#minute = minute
    }
    return this.#open ? undefined : outside
  }

  #isOpen(minute: number): boolean {
    const clock = this.#clock
    clock.set(minute)
    const { weekday, minuteOfDay } = clock
    if (this.#from < this.#to) return this.#days[weekday]! && minuteOfDay >= this.#from && minuteOfDay < this.#to
    if (minuteOfDay >= this.#from) return this.#days[weekday]!
    return minuteOfDay < this.#to && this.#days[(weekday + 6) % 7]!
  }
}

function formatTime({ days, from, to, zone, not_before, not_after }: TimeEntry): string {
  const hours = from === 0 && to === dayMinutes ? [] : [`${formatHour(from)}-${formatHour(to)}`]
  const everyDay = days === undefined || new Set(days).size === weekdays.length
  const parts = [...(everyDay ? [] : [days.join(', ')]), ...hours]
  const week = parts.length === 0 ? [] : [`${parts.join(' ')} ${zone}`]
  const bounds = [
    ...(not_before === undefined ? [] : [`not before ${formatInstant(not_before)}`]),
    ...(not_after === undefined ? [] : [`not after ${formatInstant(not_after)}`]),
  ]
  return `time ${[...week, ...bounds].join('; ')}`
}

function printTime({ days = [...weekdays], from, to, zone, not_before, not_after }: TimeEntry): object {
  return {
    days,
    from: formatHour(from),
    to: formatHour(to),
    zone,
    ...(not_before !== undefined && { not_before: formatInstant(not_before) }),
    ...(not_after !== undefined && { not_after: formatInstant(not_after) }),
  }
}

const hourForm = /^([01][0-9]|2[0-4]):([0-5][0-9])$/

/**
 * Parses a time of day in a `time` requirement, such as `08:00`.
 *
 * @returns minutes after midnight; `undefined` when the text is invalid
 */
function readHour(text: string): number | undefined {
  const [, hours, minutes] = hourForm.exec(text) ?? []
  const read = Number(hours) * 60 + Number(minutes)
  return read <= dayMinutes ? read : undefined
}

/** Formats minutes after midnight as a policy states them: `08:00`. */
function formatHour(minutes: number): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

/** Formats an instant of a `time` requirement in UTC, with milliseconds only when they are not zero. */
function formatInstant(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

const instantForm =
  /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/

/**
 * Parses an instant of a `time` requirement: an RFC 3339 §5.6 time without leap seconds. @returns ms since the epoch
 */
function readInstant(text: string): number | InvalidText | undefined {
  const [, year, month, day] = instantForm.exec(text) ?? []
  if (year === undefined) return undefined
  // Compare the day with the length of the month, because JavaScript converts 30 February to 2 March.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > days) {
    return new InvalidText('must be a date that exists')
  }
  return Date.parse(text)
}

function isZone(name: string): boolean {
  // Reject an offset such as +02:00 as time zone: an offset has no daylight saving time, but the place of the user can
  // have it.
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
