import { dayMinutes, weekdays } from '../config/time-entry.ts'

/** In the order of `weekdays`: 0 is Monday. */
const dayOf = new Map(weekdays.map((day, i) => [day as string, i]))

/**
 * What the clock on a wall of the zone shows, summer time included. Asks Intl once a minute, however many routes ask it:
 * offsets of zones are whole minutes since 1972.
 */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat
  /** Of the epoch. */
  #minute = Number.NaN
  /** 0 is Monday. */
  weekday = 0
  /** Minutes after midnight. */
  minuteOfDay = 0

  constructor(timeZone: string) {
    const shown = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
    this.#format = new Intl.DateTimeFormat('en-US', { ...shown, timeZone })
  }

  /** @param minute  since the epoch, UTC */
  set(minute: number): void {
    if (minute === this.#minute) return
    const parts = new Map(this.#format.formatToParts(minute * 60_000).map(({ type, value }) => [type, value]))
    this.weekday = dayOf.get(parts.get('weekday')!.toLowerCase())!
    this.minuteOfDay = (Number(parts.get('hour')) * 60 + Number(parts.get('minute'))) % dayMinutes
    this.#minute = minute
  }
}

/** By canonical name, of which Intl knows some hundred; never more. */
const clocks = new Map<string, ZoneClock>()

/** @throws {RangeError} on what is no zone; the policy's schema has looked before */
export function zoneClock(zone: string): ZoneClock {
  const name = new Intl.DateTimeFormat('en-US', { timeZone: zone }).resolvedOptions().timeZone
  let clock = clocks.get(name)
  if (clock === undefined) {
    clock = new ZoneClock(name)
    clocks.set(name, clock)
  }
  return clock
}
