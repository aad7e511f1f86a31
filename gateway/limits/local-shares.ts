import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import type { LimitsOutage } from '../base/limit-rule.ts'
import type { Bucket } from './bucket.ts'
import { LocalWindow } from './local-window.ts'
import { admitted, type Outcome, refused, type Standing } from './standing.ts'

/** What this node grants by itself while Redis cannot be asked: its share of each limit. */
export class LocalShares {
  readonly #members: () => number

  /** @param members  nodes that share the limits, as last seen */
  constructor(members: () => number) {
    this.#members = members
  }

  /** Charges the node's own window. */
  take(bucket: Bucket, nowMs: number): Standing {
    bucket.local ??= new LocalWindow(bucket.rule.windowMs)
    const { local, rule } = bucket
    const share = this.#of(bucket)
    if (local.take(rule.cost, share, nowMs)) return admitted(bucket, local.left(share, nowMs))
    return refused(bucket, local.waitMs(rule.cost, share, nowMs))
  }

  /**
   * As the route wants it while Redis is away.
   *
   * @param reserved  the node's own window was charged already
   * @throws {GatewayFault} where the route is closed then
   */
  withoutRedis(bucket: Bucket, onOutage: LimitsOutage, reserved: boolean): Outcome {
    if (onOutage === 'closed') {
      throw new GatewayFault('store-unavailable', 'store', `limit ${bucket.rule.label}: Redis cannot be asked`)
    }
    bucket.counts.outage++
    if (onOutage === 'open') return undefined
    const nowMs = performance.now()
    bucket.outageMs = nowMs
    const standing = this.#beyondLeft(bucket, nowMs) ?? this.#share(bucket, reserved, nowMs)
    if (standing.allowed) bucket.alone += bucket.rule.cost
    return standing
  }

  #share(bucket: Bucket, reserved: boolean, nowMs: number): Standing {
    return reserved ? admitted(bucket, bucket.local!.left(this.#of(bucket), nowMs)) : this.take(bucket, nowMs)
  }

  /**
   * What Redis had counted stays in the window for as long as that is: until then nodes share what it said was left, and
   * not the limit. So a Redis that only seems to be away lets nothing pass that it refused.
   */
  #beyondLeft(bucket: Bucket, nowMs: number): Standing | undefined {
    const { rule, left, alone, answeredMs } = bucket
    const untilMs = answeredMs + rule.windowMs
    if (nowMs >= untilMs) return undefined
    const part = left < rule.cost ? 0 : this.#partOf(left, rule.cost)
    return alone + rule.cost <= part ? undefined : refused(bucket, untilMs - nowMs)
  }

  /**
   * For one window after Redis was away, a request needs room in the node's own window beside that in Redis: so what was
   * granted meanwhile counts.
   *
   * @returns `undefined` when that is long ago
   */
  reserve(bucket: Bucket, nowMs: number): Standing | undefined {
    if (bucket.local === undefined) return undefined
    // The window counts by whole ticks of a hundredth.
    if (nowMs - bucket.outageMs <= bucket.rule.windowMs * 1.02) return this.take(bucket, nowMs)
    bucket.local = undefined
    return undefined
  }

  #of({ rule }: Bucket): number {
    return this.#partOf(rule.requests, rule.cost)
  }

  /** Never less than one request: a limit of 3 shared by 8 nodes would else close a route that is to stay open. */
  #partOf(requests: number, cost: number): number {
    return Math.max(cost, Math.floor(requests / Math.max(1, this.#members())))
  }
}
