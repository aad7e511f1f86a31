const counts = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium', hourCycle: 'h23' })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

export function countText(count: number): string {
  return Math.abs(count) < 100_000 ? counts.format(count) : compact.format(count)
}

/** A duration with three significant digits at most: `0.42 ms`, `318 ms`, `2.4 s`, `3 min`, `5 h`, `12 d`. */
export function durationText(ms: number): string {
  if (ms < 0) return `−${durationText(-ms)}`
  if (ms < 1000) return `${digits(ms)} ms`
  if (ms < 60_000) return `${digits(ms / 1000)} s`
  if (ms < 3600_000) return `${Math.round(ms / 60_000)} min`
  if (ms < 48 * 3600_000) return `${Math.round(ms / 3600_000)} h`
  return `${Math.round(ms / (24 * 3600_000))} d`
}

function digits(value: number): string {
  if (value >= 100) return String(Math.round(value))
  return String(Number(value.toFixed(value >= 10 ? 1 : 2)))
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${digits(value)} ${units[unit]}`
}

/** A share in percent: `0 %`, `0.02 %`, `12 %`. Never rounds a share above 0 to 0. */
export function shareText(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0 %'
  const percent = (100 * part) / whole
  if (percent < 0.01) return '< 0.01 %'
  return `${percent < 1 ? percent.toFixed(2) : percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`
}

/** Time of day in the viewer's time zone, with milliseconds; with the date unless it is today. */
export function viewerTime(iso: string, now = new Date()): string {
  const time = new Date(iso)
  if (Number.isNaN(time.getTime())) return iso
  const day = time.toDateString() === now.toDateString() ? '' : `${dateText(time)} `
  return `${day}${clockText(time.getTime())}.${String(time.getMilliseconds()).padStart(3, '0')}`
}

/** Time of day in the viewer's time zone, with seconds. */
export function clockText(ms: number): string {
  return clock.format(ms)
}

function dateText(time: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
}

/** Distance of a time from now: `3 min ago`, `in 2 d`. */
export function distanceText(iso: string, nowMs = Date.now()): string {
  const ms = Date.parse(iso) - nowMs
  if (Number.isNaN(ms)) return iso
  if (Math.abs(ms) < 1000) return 'now'
  return ms < 0 ? `${durationText(Math.round(-ms / 1000) * 1000)} ago` : `in ${durationText(ms)}`
}

/** Writes a clause as a sentence: with a capital letter and a full stop. */
export function sentenceOf(clause: string): string {
  return `${clause.slice(0, 1).toUpperCase()}${clause.slice(1)}.`
}
