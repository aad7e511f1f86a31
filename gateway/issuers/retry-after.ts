/** The form of a date that a sender must write (RFC 9110 §5.6.7). Obsolete forms are not read. */
const fixedDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3): seconds, or a date, which is compared with the `Date` of the same reply, since the
 * clocks of issuer and gate may differ.
 *
 * @param date   value of `Date`; of no use: the clock of the gate counts
 * @param nowMs  ms since the epoch
 * @returns s, never below 0; `undefined` for anything else
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
