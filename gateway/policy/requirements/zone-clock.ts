/** Number of minutes in a day. */
export const dayMinutes = 1440

/** Weekday names in order. The index of a name is the weekday number; 0 is Monday. */
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** Weekday numbers by weekday name; 0 is Monday. */
const dayOf = new Map(weekdays.map((day, i) => [day as string, i]))

/**
 * Local time of a time zone, with daylight saving time. All routes share the clock of a zone, which calls Intl at most
 * once per minute: zone offsets have been whole minutes since 1972.
 */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat
  /** Minute since the Unix epoch for which `weekday` and `minuteOfDay` are valid. */
  #minute = Number.NaN
  /** Day of the week in the time zone: 0 is Monday, 6 is Sunday. */
  weekday = 0
  /** Time of day in the time zone, minutes after midnight. */
  minuteOfDay = 0

  constructor(timeZone: string) {
    const shown = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
    this.#format = new Intl.DateTimeFormat('en-US', { ...shown, timeZone })
  }

  /**
   * Sets `weekday` and `minuteOfDay` to the local time of a minute.
   *
   * @param minute  minutes since the Unix epoch, UTC
   */
  set(minute: number): void {
    if (minute === this.#minute) return
    const parts = new Map(this.#format.formatToParts(minute * 60_000).map(({ type, value }) => [type, value]))
    this.weekday = dayOf.get(parts.get('weekday')!.toLowerCase())!
    this.minuteOfDay = (Number(parts.get('hour')) * 60 + Number(parts.get('minute'))) % dayMinutes
    this.#minute = minute
  }
}

/** Clocks by canonical zone name. Intl knows a few hundred zones, which limits the size of this map. @bound code */
const clocks = new Map<string, ZoneClock>()

/**
 * Returns the shared clock of a time zone.
 *
 * @throws {RangeError} for an unknown zone; the policy schema has already rejected unknown zones
 */
export function zoneClock(zone: string): ZoneClock {
  const name = new Intl.DateTimeFormat('en-US', { timeZone: zone }).resolvedOptions().timeZone
  let clock = clocks.get(name)
  if (clock === undefined) {
    clock = new ZoneClock(name)
    clocks.set(name, clock)
  }
  return clock
}
