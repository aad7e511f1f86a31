import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import type { LimitsOutage } from '../base/limit-rule.ts'
import type { Bucket } from './bucket.ts'
import { admittedStatus, type LimitOutcome, type LimitStatus, refusedStatus } from './limit-status.ts'
import { LocalWindow } from './local-window.ts'

/** Admits requests without Redis while Redis is unavailable, up to this node's share of each limit. */
export class LocalShares {
  readonly #members: () => number

  /** @param members  number of nodes that share the limits, as last read */
  constructor(members: () => number) {
    this.#members = members
  }

  /** Charges the local window of this node. */
  take(bucket: Bucket, nowMs: number): LimitStatus {
    bucket.local ??= new LocalWindow(bucket.rule.windowMs)
    const { local, rule } = bucket
    const share = this.#of(bucket)
    if (local.take(rule.cost, share, nowMs)) return admittedStatus(bucket, local.left(share, nowMs))
    return refusedStatus(bucket, local.waitMs(rule.cost, share, nowMs))
  }

  /**
   * Decides as the route is set for an outage of Redis: `open` admits, `local` applies this node's share, `closed`
   * throws.
   *
   * @param reserved  whether the local window was already charged
   * @throws {GatewayFault} `store-unavailable` when the route is set to `closed`
   */
  withoutRedis(bucket: Bucket, onOutage: LimitsOutage, reserved: boolean): LimitOutcome {
    if (onOutage === 'closed') {
      throw new GatewayFault('store-unavailable', 'store', `limit ${bucket.rule.label}: Redis is unavailable`)
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
   * Refuses a request beyond the room that Redis last reported. Counts in Redis stay valid for one window. For that
   * time the nodes share the room that was left, not the whole limit. So a Redis that only seems unavailable cannot
   * cause a request to be admitted that it would refuse.
   */
  #beyondLeft(bucket: Bucket, nowMs: number): LimitStatus | undefined {
    const { rule, left, alone, answeredMs } = bucket
    const untilMs = answeredMs + rule.windowMs
    if (nowMs >= untilMs) return undefined
    const part = left < rule.cost ? 0 : this.#partOf(left, rule.cost)
    return alone + rule.cost <= part ? undefined : refusedStatus(bucket, untilMs - nowMs)
  }

  /**
   * For the length of one window after an outage of Redis, also charges the local window. A request then needs room in
   * the local window and in Redis, so requests admitted during the outage count.
   *
   * @returns `undefined` when no outage ended within that time; only Redis then decides
   */
  reserve(bucket: Bucket, nowMs: number): LimitStatus | undefined {
    if (bucket.local === undefined) return undefined
    // A local window counts in ticks of 1/100 of its length, so an admission may leave up to 2 ticks late.
    if (nowMs - bucket.outageMs <= bucket.rule.windowMs * 1.02) return this.take(bucket, nowMs)
    bucket.local = undefined
    return undefined
  }

  #of({ rule }: Bucket): number {
    return this.#partOf(rule.requests, rule.cost)
  }

  /**
   * Share of this node, at least one request. Otherwise a limit of 3 shared by 8 nodes would close a route that must
   * stay open.
   */
  #partOf(requests: number, cost: number): number {
    return Math.max(cost, Math.floor(requests / Math.max(1, this.#members())))
  }
}
