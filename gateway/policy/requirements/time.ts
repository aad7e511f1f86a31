import { type Denial, denial } from '../../base/denial.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { dayMinutes, formatHour, formatInstant, type TimeEntry, weekdays } from './time-entry.ts'
import { type ZoneClock, zoneClock } from './zone-clock.ts'

const outside = denial('time-outside')

/**
 * Met within daily or weekly hours in a time zone, and between two instants. Hours that pass midnight belong to the day
 * on which they start. The hour skipped in spring never occurs; the hour repeated in autumn counts twice. Denies 403
 * `forbidden`.
 *
 * Reads the zone's clock at most once per minute.
 */
export class Time implements Requirement {
  readonly demand: string
  readonly reason = 'time-outside'
  readonly parts = []
  readonly #from: number
  readonly #to: number
  /** By weekday number; 0 is Monday. */
  readonly #days: readonly boolean[]
  readonly #notBeforeMs: number
  readonly #notAfterMs: number
  readonly #clock: ZoneClock
  /** Minute since the epoch for which `#open` is valid. */
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
