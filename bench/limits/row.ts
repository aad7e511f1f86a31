import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisUse } from '../harness/redis.ts'
import { mostForCertain, perfectLog } from '../harness/sliding-log.ts'
import { measureClock, redisClock } from './clock.ts'
import type { LimitCluster, LimitRow } from './limit-cluster.ts'
import { type OfferOptions, offer } from './offer.ts'

export interface RowResult extends LimitRow {
  readonly nodes: number
  readonly offeredPerSecond: number
  /** Share of the due requests that were sent; see `Offered`. */
  readonly sentPart: number
  readonly admitted: number
  /** Number of admitted requests, as a percentage of those that an exact sliding window would admit. */
  readonly idealPercent: number
  /** Largest number of admissions above the limit within one window length, at any position of the window. */
  readonly over: number
  /**
   * Calls of Redis scripts per 1,000 sent requests. From this and the next two figures, the use of Redis by a cluster
   * without requests is subtracted.
   */
  readonly callsPer1000: number
  readonly commandsPer1000: number
  readonly redisMsPer1000: number
  /** Drift between the clock of Redis and the clock of this machine while the row ran, µs. */
  readonly slewUs: number
  /** Number of replies per status other than 200 (admitted) and 429 (rejected by the limit). */
  readonly others: Readonly<Record<string, number>>
}

/** Pause before each row, in which the permits that nodes hold for the previous row expire, ms. */
const REST_MS = 1000

export async function runRow(
  row: LimitRow,
  load: Pick<OfferOptions, 'perSecond' | 'seconds'>,
  { nodes, redis, service, idle }: LimitCluster,
): Promise<RowResult> {
  await sleep(REST_MS)
  const { name, requests, windowS, lopsided } = row
  const startedMs = performance.now()
  const first = await measureClock(redis)
  const { result: offered, use } = await redis.during(() => offer(nodes, { row: name, firstPart: lopsided, ...load }))
  const last = await measureClock(redis)
  const tookS = (performance.now() - startedMs) / 1000
  const arrived = await service.take(name)
  if (arrived.length !== offered.admitted) {
    throw new Error(
      `${name}: the service received ${arrived.length} requests, but clients got ${offered.admitted} admissions`,
    )
  }
  const byRedis = redisClock(first, last)
  const admissions = arrived
    .map(({ sentUs, arrivedUs }) => ({ sentMs: byRedis(sentUs) / 1000, repliedMs: byRedis(arrivedUs) / 1000 }))
    .sort((a, b) => a.sentMs - b.sentMs)
  const sentMs = offered.sentUs.map((atUs) => byRedis(atUs) / 1000)
  const per1000 = (of: keyof RedisUse): number =>
    (1000 * Math.max(0, use[of] - idle[of] * tookS)) / offered.sentUs.length
  return {
    ...row,
    nodes: nodes.length,
    offeredPerSecond: offered.sentUs.length / load.seconds,
    sentPart: offered.sentPart,
    admitted: arrived.length,
    idealPercent: (100 * arrived.length) / perfectLog(sentMs, requests, windowS * 1000).length,
    over: Math.max(0, mostForCertain(admissions, windowS * 1000) - requests),
    callsPer1000: per1000('calls'),
    commandsPer1000: per1000('commands'),
    redisMsPer1000: per1000('cpuUs') / 1000,
    slewUs: last.offsetUs - first.offsetUs,
    others: offered.others,
  }
}
