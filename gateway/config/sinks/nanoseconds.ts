/** Nanoseconds since the epoch, as text: the value exceeds the safe integers. 0 for an invalid time. */
export function nanoseconds(time: string): string {
  const ms = Date.parse(time)
  return `${Number.isNaN(ms) ? 0 : ms}000000`
}
