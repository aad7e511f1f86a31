/**
 * Converts a time into nanoseconds since the epoch. The result is a text, because the number exceeds the safe integers.
 * 0 for an invalid time.
 */
export function nanoseconds(time: string): string {
  const ms = Date.parse(time)
  return `${Number.isNaN(ms) ? 0 : ms}000000`
}
