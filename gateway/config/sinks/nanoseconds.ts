/**
 * Converts a time into nanoseconds since the epoch. The result is a text, because the number is too large for an exact
 * JavaScript number; `0` for an invalid time.
 */
export function nanoseconds(time: string): string {
  const ms = Date.parse(time)
  return `${Number.isNaN(ms) ? 0 : ms}000000`
}
