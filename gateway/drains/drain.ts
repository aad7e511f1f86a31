/** A drain of one upstream of one service, as Redis stores it. */
export interface Drain {
  /**
   * End of the drain of an upstream, ms since the epoch; infinity: until an operator ends the drain. In the past for a
   * drain that has ended.
   */
  readonly untilMs: number
  /**
   * Time of the change by the clock of Redis, ms since the epoch, and at least 1 ms after the change before it. The latest
   * change of an upstream applies.
   */
  readonly changedMs: number
}

/** Name of an upstream of a service in the hash of drains. @param origin  such as `http://orders-1:8080` */
export function drainField(service: string, origin: string): string {
  return `${service} ${origin}`
}

/** Parses the value of an upstream drain in Redis; `undefined` for a value that no version of Gatehouse writes. */
export function readDrain(value: string): Drain | undefined {
  const [, until, changed] = /^(-|\d{1,16}) (\d{1,16})$/.exec(value) ?? []
  if (until === undefined) return undefined
  return { untilMs: until === '-' ? Number.POSITIVE_INFINITY : Number(until), changedMs: Number(changed) }
}

export function writeDrain({ untilMs, changedMs }: Drain): string {
  return `${untilMs === Number.POSITIVE_INFINITY ? '-' : untilMs} ${changedMs}`
}
