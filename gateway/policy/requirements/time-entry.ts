import { z } from 'zod'
import { InvalidText, parsed } from '../../config/parsed.ts'

/** Weekdays in order. The position is the number of the day. */
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

export type Weekday = (typeof weekdays)[number]

/** Recurring hours on every day or week in a time zone, and the start and end of the whole period. */
export interface TimeEntry {
  /** Days on which the hours start; `undefined`: every day. */
  readonly days?: readonly Weekday[] | undefined
  /** Start, minutes after midnight, 0 to 1439. */
  readonly from: number
  /** End, minutes after midnight, 0 to 1440. A value less than `from` is on the next day. */
  readonly to: number
  /** IANA name of the time zone. */
  readonly zone: string
  /** Start of the period, ms since the epoch; `undefined`: no limit. */
  readonly not_before?: number | undefined
  readonly not_after?: number | undefined
}

export const dayMinutes = 1440

const hour = parsed('a time of day such as 08:00, from 00:00 to 24:00', readHour)
const instant = parsed('a moment by RFC 3339 such as 2026-12-31T23:59:59Z', readInstant)
const zone = parsed('the IANA name of a time zone, such as Europe/Berlin', (name) => (isZone(name) ? name : undefined))

/** Schema of the times at which a requirement is met. */
export const timeEntry = z
  .strictObject({
    days: z
      .array(z.enum(weekdays, { error: `must be one of ${weekdays.join(', ')}` }))
      .min(1)
      .optional()
      .describe('Days on which the hours start: mon, tue, wed, thu, fri, sat, sun. Default: every day.'),
    from: hour
      .prefault('00:00')
      .describe('When the hours start, as a clock on the wall of the zone shows it. Default 00:00.'),
    to: hour
      .prefault('24:00')
      .describe('When they end; that minute is outside. Before `from`: on the day after. Default 24:00.'),
    zone: zone
      .prefault('UTC')
      .describe('Whose clocks count: an IANA name such as Europe/Berlin, summer time included. Default UTC.'),
    not_before: instant.optional().describe('Never met before this moment (RFC 3339).'),
    not_after: instant.optional().describe('Never met after this moment (RFC 3339).'),
  })
  .check((context) => {
    const { days, from, to, not_before, not_after } = context.value
    const add = (code: string, message: string) =>
      context.issues.push({ code: 'custom', message, params: { code }, input: context.value, continue: true })
    if (from === to || from === dayMinutes) {
      add('GH_POLICY_CONTRADICTION', 'from and to leave no time between them')
    }
    if (not_before !== undefined && not_after !== undefined && not_before >= not_after) {
      add('GH_POLICY_CONTRADICTION', 'not_before does not come before not_after')
    }
    const allWeek = from === 0 && to === dayMinutes && (days === undefined || new Set(days).size === weekdays.length)
    if (allWeek && not_before === undefined && not_after === undefined) {
      add('GH_POLICY_REQUIREMENT', 'demands nothing; use days, from, to, not_before or not_after')
    }
  })

const hourForm = /^([01][0-9]|2[0-4]):([0-5][0-9])$/

/** @returns minutes after midnight; `undefined` when the text is invalid */
function readHour(text: string): number | undefined {
  const [, hours, minutes] = hourForm.exec(text) ?? []
  const read = Number(hours) * 60 + Number(minutes)
  return read <= dayMinutes ? read : undefined
}

/** Formats minutes after midnight as `08:00`, the form in which they are written. */
export function formatHour(minutes: number): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

/** Formats an instant in UTC, with milliseconds only when they are not zero. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

const instantForm =
  /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/

/** Parses an RFC 3339 §5.6 time without leap seconds. @returns ms since the epoch */
function readInstant(text: string): number | InvalidText | undefined {
  const [, year, month, day] = instantForm.exec(text) ?? []
  if (year === undefined) return undefined
  // JavaScript converts 30 February to 2 March.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > days) {
    return new InvalidText('must be a day that the calendar has')
  }
  return Date.parse(text)
}

function isZone(name: string): boolean {
  // Reject an offset such as +02:00: an offset has no daylight saving time, but a place may have it.
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
