/** Id of an entry in the event log, `<ms>-<n>`. Positions give the order of all events. */
export type Position = string

/**
 * Compares two positions in the event log: returns a negative number when `a` is before `b`, 0 when both are equal,
 * else a positive number.
 */
export function comparePositions(a: Position, b: Position): number {
  return positionMs(a) - positionMs(b) || sequenceOf(a) - sequenceOf(b)
}

/** Time at which the entry of the event log was written, ms since the Unix epoch by the Redis clock. */
export function positionMs(position: Position): number {
  return Number.parseInt(position, 10)
}

function sequenceOf(position: Position): number {
  return Number(position.slice(position.indexOf('-') + 1))
}
