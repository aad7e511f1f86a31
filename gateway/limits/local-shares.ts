import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import type { LimitsOutage } from '../base/limit-rule.ts'
import type { Bucket } from './bucket.ts'
import { admittedStatus, type LimitOutcome, type LimitStatus, refusedStatus } from './limit-status.ts'
import { LocalWindow } from './local-window.ts'

/** Decides requests while Redis is unavailable: admits them up to this node's share of each limit. */
export class LocalShares {
  readonly #members: () => number

  /** @param members  returns the number of nodes that share the limits, as last read */
  constructor(members: () => number) {
    this.#members = members
  }

  /** Charges a request to this node's share of the rate limit window. */
  take(bucket: Bucket, nowMs: number): LimitStatus {
    bucket.local ??= new LocalWindow(bucket.rule.windowMs)
    const { local, rule } = bucket
    const share = this.#of(bucket)
    if (local.take(rule.cost, share, nowMs)) return admittedStatus(bucket, local.left(share, nowMs))
    return refusedStatus(bucket, local.waitMs(rule.cost, share, nowMs))
  }

  /**
   * Decides a request while Redis is unavailable, by `on_outage.limits` of the route: `open` admits, `local` applies
   * this node's share, `closed` throws.
   *
   * @param reserved  whether this node's share was already charged
   * @throws {GatewayFault} `store-unavailable` when `on_outage.limits` of the route is `closed`
   */
  withoutRedis(bucket: Bucket, onOutage: LimitsOutage, reserved: boolean): LimitOutcome {
    if (onOutage === 'closed') {
      throw new GatewayFault(
        'store-unavailable',
        'store',
        `limit ${bucket.rule.label} cannot be checked: Redis is unavailable`,
      )
    }
    bucket.counts.outage++
    if (onOutage === 'open') return undefined
    const nowMs = performance.now()
    bucket.outageMs = nowMs
    const status = this.#beyondLeft(bucket, nowMs) ?? this.#share(bucket, reserved, nowMs)
    if (status.allowed) bucket.alone += bucket.rule.cost
    return status
  }

  #share(bucket: Bucket, reserved: boolean, nowMs: number): LimitStatus {
    return reserved ? admittedStatus(bucket, bucket.local!.left(this.#of(bucket), nowMs)) : this.take(bucket, nowMs)
  }

  /**
   * During an outage, refuses a request beyond the room that Redis last reported. Counts in Redis stay valid for one
   * window. For that time the nodes share the reported room, not the whole limit. Redis can also be only unreachable
   * from this node; even in this case the nodes admit no request that Redis would refuse.
   */
  #beyondLeft(bucket: Bucket, nowMs: number): LimitStatus | undefined {
    const { rule, left, alone, answeredMs } = bucket
    const untilMs = answeredMs + rule.windowMs
    if (nowMs >= untilMs) return undefined
    const part = left < rule.cost ? 0 : this.#partOf(left, rule.cost)
    return alone + rule.cost <= part ? undefined : refusedStatus(bucket, untilMs - nowMs)
  }

  /**
   * After an outage of Redis, also charges this node's share, for the time of one window. A request then needs room
   * both in this share and in Redis, so that the requests admitted during the outage count.
   *
   * @returns `undefined` when no outage ended within one window, so that only Redis decides
   */
  reserve(bucket: Bucket, nowMs: number): LimitStatus | undefined {
    if (bucket.local === undefined) return undefined
    // Add 2 % to the length of the window: a local window counts in ticks of 1/100 of its length, so an admission
    // leaves it up to 2 ticks late.
    if (nowMs - bucket.outageMs <= bucket.rule.windowMs * 1.02) return this.take(bucket, nowMs)
    bucket.local = undefined
    return undefined
  }

  #of({ rule }: Bucket): number {
    return this.#partOf(rule.requests, rule.cost)
  }

  /**
   * Returns this node's share of the limit's `requests`, at least the cost of one request. Without this minimum, a
   * limit of 3 shared by 8 nodes would refuse every request.
   */
  #partOf(requests: number, cost: number): number {
    return Math.max(cost, Math.floor(requests / Math.max(1, this.#members())))
  }
}
