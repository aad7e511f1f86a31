import type { BenchRedis } from '../harness/redis.ts'

/** Reads the monotonic clock that all processes of this machine share, µs. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint()) / 1000
}

const TRIES = 20

/** Difference between the clock of the Redis server and `monotonicUs`, measured at one moment. */
export interface ClockOffset {
  readonly atUs: number
  /** Difference in µs: `monotonicUs` plus `offsetUs` is the time of Redis. */
  readonly offsetUs: number
}

/**
 * Measures the clock difference 20 times and returns the result of the fastest call, which is the most accurate one.
 */
export async function measureClock({ slowClient }: BenchRedis): Promise<ClockOffset> {
  let [leastUs, sight]: [number, ClockOffset] = [Number.POSITIVE_INFINITY, { atUs: 0, offsetUs: 0 }]
  for (let i = 0; i < TRIES; i++) {
    const before = monotonicUs()
    const [seconds, micros] = (await slowClient.call('TIME')) as [string, string]
    const took = monotonicUs() - before
    if (took >= leastUs) continue
    const atUs = before + took / 2
    ;[leastUs, sight] = [took, { atUs, offsetUs: Number(seconds) * 1e6 + Number(micros) - atUs }]
  }
  return sight
}

/**
 * Returns a function that converts a time of `monotonicUs` to a time of the Redis clock, µs. Interpolates between two
 * measurements, because the system can slew the clock between them.
 */
export function redisClock(first: ClockOffset, last: ClockOffset): (atUs: number) => number {
  const rate = (last.offsetUs - first.offsetUs) / (last.atUs - first.atUs)
  return (atUs) => atUs + first.offsetUs + rate * (atUs - first.atUs)
}
