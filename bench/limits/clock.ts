import type { BenchRedis } from '../harness/redis.ts'

/** µs of the monotonic clock, which all processes of this machine share. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint()) / 1000
}

const TRIES = 20

/** Offset between the clock of Redis and `monotonicUs` at one moment. */
export interface ClockOffset {
  readonly atUs: number
  /** Added to `monotonicUs`, it gives the time of Redis, µs. */
  readonly offsetUs: number
}

/** Measures the offset several times and returns the result of the fastest call. */
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

/** Time of Redis at a moment between or near two measurements, µs. The clock may have been slewed between them. */
export function redisClock(first: ClockOffset, last: ClockOffset): (atUs: number) => number {
  const rate = (last.offsetUs - first.offsetUs) / (last.atUs - first.atUs)
  return (atUs) => atUs + first.offsetUs + rate * (atUs - first.atUs)
}
