/** Minutes of a day. */
export const dayMinutes = 1440

/** Weekdays in order. The position is the number of the day. */
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** In the order of `weekdays`: 0 is Monday. */
const dayOf = new Map(weekdays.map((day, i) => [day as string, i]))

/**
 * Local time of a zone, including daylight saving time. Calls Intl once per minute, however many routes use it: zone
 * offsets have been whole minutes since 1972.
 */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat
  /** Minute since the epoch for which the properties are valid. */
  #minute = Number.NaN
  /** 0 is Monday. */
  weekday = 0
  /** Minutes after midnight. */
  minuteOfDay = 0

  constructor(timeZone: string) {
    const shown = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
    this.#format = new Intl.DateTimeFormat('en-US', { ...shown, timeZone })
  }

  /** @param minute  minutes since the epoch, UTC */
  set(minute: number): void {
    if (minute === this.#minute) return
    const parts = new Map(this.#format.formatToParts(minute * 60_000).map(({ type, value }) => [type, value]))
    this.weekday = dayOf.get(parts.get('weekday')!.toLowerCase())!
    this.minuteOfDay = (Number(parts.get('hour')) * 60 + Number(parts.get('minute'))) % dayMinutes
    this.#minute = minute
  }
}

/** By canonical zone name. Intl knows a few hundred, which bounds this map. */
const clocks = new Map<string, ZoneClock>()

/** @throws {RangeError} for an unknown zone; the policy schema has already validated it */
export function zoneClock(zone: string): ZoneClock {
  const name = new Intl.DateTimeFormat('en-US', { timeZone: zone }).resolvedOptions().timeZone
  let clock = clocks.get(name)
  if (clock === undefined) {
    clock = new ZoneClock(name)
    clocks.set(name, clock)
  }
  return clock
}
