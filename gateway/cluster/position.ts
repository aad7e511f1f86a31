/** An id of the event log, `<ms>-<n>`: a place in the order of all events. */
export type Position = string

/** Negative when `a` comes before `b`, 0 when they are the same. */
export function comparePositions(a: Position, b: Position): number {
  return positionMs(a) - positionMs(b) || sequenceOf(a) - sequenceOf(b)
}

/** When it was written, ms since the epoch by Redis's clock. */
export function positionMs(position: Position): number {
  return Number.parseInt(position, 10)
}

function sequenceOf(position: Position): number {
  return Number(position.slice(position.indexOf('-') + 1))
}
