import { performance } from 'node:perf_hooks'
import type { LimitsOutage } from '../base/limit-rule.ts'
import type { Bucket } from './bucket.ts'
import type { ExactWindows } from './exact-windows.ts'
import type { LeasedWindows } from './leased-windows.ts'
import { admittedByLease, admittedStatus, type LimitOutcome, refusedStatus, tighter } from './limit-status.ts'
import type { LocalShares } from './local-shares.ts'

/**
 * The three ways to decide whether a window has room: a call to Redis for each request, permits leased from Redis in
 * advance, and this node's share of the limit during an outage of Redis.
 */
export interface Windows {
  readonly exact: ExactWindows
  readonly leased: LeasedWindows
  readonly shares: LocalShares
}

/**
 * Charges one request to several rate limit windows. If one window has no room, the request is refused and no window
 * stays charged.
 *
 * @bound request
 */
export class Charge {
  readonly #windows: Windows
  readonly #buckets: readonly Bucket[]
  readonly #onOutage: LimitsOutage
  /**
   * Rate limit windows in which the request was charged to this node's own share of the limit, before the call to
   * Redis.
   */
  readonly #reserved = new Set<Bucket>()
  /** Functions that refund the charges of this request made so far. */
  readonly #undo: (() => void)[] = []

  constructor(windows: Windows, buckets: readonly Bucket[], onOutage: LimitsOutage) {
    this.#windows = windows
    this.#buckets = buckets
    this.#onOutage = onOutage
  }

  /**
   * Charges the request to all its rate limit windows. Sends one call for each Redis slot, in parallel, and then takes
   * permits of the leased windows, so that a request that Redis refuses takes no permits. A leased window that is known
   * to be full refuses before any call. If one window refuses, the charges to all other windows are refunded.
   *
   * @throws {GatewayFault} when Redis is unavailable and `on_outage.limits` of the route is `closed`; no charge remains
   *   in this node
   */
  async run(): Promise<LimitOutcome> {
    try {
      const outcome = await this.#run()
      if (outcome?.allowed === false) this.#giveBack()
      return outcome
    } catch (fault) {
      this.#giveBack()
      throw fault
    }
  }

  async #run(): Promise<LimitOutcome> {
    let tightest: LimitOutcome
    const { leased } = this.#windows
    for (const bucket of this.#buckets) {
      const short = this.#reserve(bucket)
      if (short !== undefined) return short
      if (bucket.lease !== undefined && leased.isFull(bucket, performance.now())) return this.#takeLease(bucket)
    }
    const slots = this.#exactBySlot()
    const outcomes = await Promise.allSettled(slots.map((buckets) => this.#takeExact(buckets)))
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason
      if (outcome.value?.allowed === false) return outcome.value
      tightest = tighter(tightest, outcome.value)
    }
    for (const bucket of this.#buckets) {
      if (bucket.lease === undefined) continue
      const outcome = await this.#takeLease(bucket)
      if (outcome?.allowed === false) return outcome
      tightest = tighter(tightest, outcome)
    }
    return tightest
  }

  #reserve(bucket: Bucket): LimitOutcome {
    const status = this.#windows.shares.reserve(bucket, performance.now())
    if (status === undefined) return undefined
    if (!status.allowed) return status
    this.#reserved.add(bucket)
    this.#undoShare(bucket)
    return undefined
  }

  #undoShare(bucket: Bucket): void {
    const { rule } = bucket
    const local = bucket.local!
    const { granted } = local
    this.#undo.push(() => local.giveBack(rule.cost, granted))
  }

  async #takeLease(bucket: Bucket): Promise<LimitOutcome> {
    const lease = bucket.lease!
    const outcome = await this.#windows.leased.take(bucket, performance.now())
    if (outcome === 'cut-off') return this.#withoutRedis(bucket)
    if (outcome === 'full') return refusedStatus(bucket, lease.waitMs(performance.now()))
    const { generation } = lease
    this.#undo.push(() => lease.giveBack(generation))
    return admittedByLease(bucket)
  }

  async #takeExact(buckets: readonly Bucket[]): Promise<LimitOutcome> {
    try {
      const { allowed, tightest, left, waitMs, atUs } = await this.#windows.exact.take(buckets)
      tightest.answered(left, performance.now())
      if (!allowed) return refusedStatus(tightest, waitMs, left)
      this.#undo.push(() => this.#windows.exact.giveBack(buckets, atUs))
      return admittedStatus(tightest, left)
    } catch {
      let tightest: LimitOutcome
      for (const bucket of buckets) {
        const outcome = this.#withoutRedis(bucket)
        if (outcome?.allowed === false) return outcome
        tightest = tighter(tightest, outcome)
      }
      return tightest
    }
  }

  #withoutRedis(bucket: Bucket): LimitOutcome {
    const reserved = this.#reserved.has(bucket)
    const outcome = this.#windows.shares.withoutRedis(bucket, this.#onOutage, reserved)
    if (outcome?.allowed !== true) return outcome
    if (!reserved) this.#undoShare(bucket)
    this.#undo.push(() => {
      bucket.alone = Math.max(0, bucket.alone - bucket.rule.cost)
    })
    return outcome
  }

  #giveBack(): void {
    for (const undo of this.#undo.splice(0)) undo()
  }

  #exactBySlot(): readonly (readonly Bucket[])[] {
    const slots = new Map<string, Bucket[]>()
    for (const bucket of this.#buckets) {
      if (bucket.lease !== undefined) continue
      const slot = this.#windows.exact.slotOf(bucket)
      const known = slots.get(slot)
      if (known === undefined) slots.set(slot, [bucket])
      else known.push(bucket)
    }
    return [...slots.values()]
  }
}
