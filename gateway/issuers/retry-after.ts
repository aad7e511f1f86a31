/** Matches the date format that senders must use in header fields (RFC 9110 §5.6.7), but no obsolete date format. */
const fixedDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * Parses `Retry-After` (RFC 9110 §10.2.3): seconds or a date. A date is compared with the `Date` of the same reply,
 * because the clocks of issuer and gate can differ.
 *
 * @param date   value of `Date` in the same reply; if it is invalid, the gate's clock is used
 * @param nowMs  current time, ms since the epoch
 * @returns remaining time, s, at least 0; `undefined` for an invalid value
 */
export function readRetryAfter(value: string, date: string, nowMs: number): number | undefined {
  if (/^\d{1,10}$/.test(value)) return Number(value)
  const untilMs = dateMs(value)
  if (untilMs === undefined) return undefined
  return Math.max(0, (untilMs - (dateMs(date) ?? nowMs)) / 1000)
}

function dateMs(text: string): number | undefined {
  const ms = fixedDate.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}
