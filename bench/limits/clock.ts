import type { BenchRedis } from '../harness/redis.ts'

/** µs of the clock that all processes of this machine share and nobody sets. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint()) / 1000
}

const TRIES = 20

/** How Redis's clock stood to ours at a moment. */
export interface ClockSight {
  readonly atUs: number
  /** To be added to `monotonicUs`. */
  readonly offsetUs: number
}

/** By the call that took least. */
export async function seeClock({ slowClient }: BenchRedis): Promise<ClockSight> {
  let [leastUs, sight]: [number, ClockSight] = [Number.POSITIVE_INFINITY, { atUs: 0, offsetUs: 0 }]
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

/** Redis's clock at a moment between or near two sights, µs: it may have been slewed meanwhile. */
export function redisClock(first: ClockSight, last: ClockSight): (atUs: number) => number {
  const rate = (last.offsetUs - first.offsetUs) / (last.atUs - first.atUs)
  return (atUs) => atUs + first.offsetUs + rate * (atUs - first.atUs)
}
