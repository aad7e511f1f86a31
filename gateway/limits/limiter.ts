import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { LimitRule, LimitsOutage } from '../base/limit-rule.ts'
import { Bucket, type LeaseOutcome } from './bucket.ts'
import { BucketTable } from './bucket-table.ts'
import { Charge, type Windows } from './charge.ts'
import { ExactWindows } from './exact-windows.ts'
import { Lease } from './lease.ts'
import { LeasedWindows } from './leased-windows.ts'
import { LimitCounters, type LimitCounts } from './limit-counts.ts'
import { admittedByLease, type LimitOutcome, type LimitStatus, refusedStatus, tighter } from './limit-status.ts'
import { LocalShares } from './local-shares.ts'
import type { PermitStore } from './permit-store.ts'
import { tickUs } from './ticks.ts'

export interface LimiterOptions {
  /** Windows in Redis. `undefined` when the node runs without Redis; each limit then applies to this node alone. */
  readonly store: PermitStore | undefined
  /** Number of nodes that share the limits, as last read. Default: 1. */
  readonly members?: () => number
  /** Largest number of windows in memory. Default: 100,000. */
  readonly bucketsMax?: number
}

/** Enforces rate limits of the cluster in this node. */
export class Limiter {
  readonly #store: PermitStore | undefined
  readonly #windows: Windows | undefined
  readonly #shares: LocalShares
  readonly #counters = new LimitCounters()
  readonly #table: BucketTable
  /** Random id of this process, part of the name of each lease. */
  readonly #node = randomBytes(9).toString('base64url')
  #leases = 0

  constructor({ store, members = () => 1, bucketsMax = 100_000 }: LimiterOptions) {
    this.#store = store
    this.#shares = new LocalShares(store === undefined ? () => 1 : members)
    this.#windows = store && { exact: new ExactWindows(store), leased: new LeasedWindows(store), shares: this.#shares }
    this.#table = new BucketTable(
      bucketsMax,
      (rule, identity) => this.#make(rule, identity),
      (bucket) => this.#forget(bucket),
    )
  }

  /** Returns the window of this identity. The caller may keep the bucket while `live` is true. */
  bucket(rule: LimitRule, identity: string): Bucket {
    return this.#table.of(rule, identity)
  }

  /** Windows that this node used recently. */
  buckets(): Iterable<Bucket> {
    return this.#table.all()
  }

  metrics(): readonly Readonly<LimitCounts>[] {
    return this.#counters.list()
  }

  /**
   * Charges a request to all of these windows, or to none of them. Synchronous, and without allocation, when the node
   * holds permits for a single leased window.
   *
   * @throws {GatewayFault} `store-unavailable` when Redis is unavailable and the route is set to `closed`; thrown or as
   *   a rejection
   */
  take(buckets: readonly Bucket[], onOutage: LimitsOutage): LimitOutcome | Promise<LimitOutcome> {
    if (this.#windows === undefined) return this.#conclude(buckets, this.#takeLocally(buckets))
    const nowMs = performance.now()
    for (let i = 0; i < buckets.length; i++) buckets[i]!.usedMs = nowMs
    const [bucket] = buckets
    if (buckets.length === 1 && bucket!.lease !== undefined && bucket!.local === undefined) {
      return this.#takeLease(bucket!, onOutage, this.#windows, nowMs)
    }
    const charge = new Charge(this.#windows, buckets, onOutage)
    return charge.run().then((outcome) => this.#conclude(buckets, outcome))
  }

  /** Returns unspent permits to Redis if Redis is available. */
  async close(): Promise<void> {
    this.#table.close()
    if (this.#windows === undefined) return
    const { leased } = this.#windows
    // A call in flight may still bring a lease.
    await leased.close()
    await Promise.all([...this.#table.all()].filter(({ lease }) => lease?.open).map((bucket) => leased.settle(bucket)))
  }

  #make(rule: LimitRule, identity: string): Bucket {
    const leases = this.#store !== undefined && rule.mode === 'leased'
    return new Bucket({
      rule,
      identity,
      key: this.#store?.key(rule, identity) ?? '',
      counts: this.#counters.of(rule.label),
      lease: leases
        ? new Lease({ ...rule, tickUs: tickUs(rule), node: this.#node, serial: ++this.#leases })
        : undefined,
      usedMs: performance.now(),
    })
  }

  #forget(bucket: Bucket): void {
    if (bucket.lease !== undefined) void this.#windows!.leased.settle(bucket)
  }

  /** Fast path for the usual case: one leased window and no recent outage of Redis. */
  #takeLease(
    bucket: Bucket,
    onOutage: LimitsOutage,
    { leased }: Windows,
    nowMs: number,
  ): LimitOutcome | Promise<LimitOutcome> {
    const outcome = leased.take(bucket, nowMs)
    if (outcome === 'taken') {
      bucket.counts.admitted++
      return admittedByLease(bucket)
    }
    if (!(outcome instanceof Promise)) return this.#concludeLease(bucket, outcome, onOutage)
    return outcome.then((late) => this.#concludeLease(bucket, late, onOutage))
  }

  #concludeLease(bucket: Bucket, outcome: LeaseOutcome, onOutage: LimitsOutage): LimitOutcome {
    switch (outcome) {
      case 'taken':
        return this.#conclude([bucket], admittedByLease(bucket))
      case 'full':
        return this.#conclude([bucket], refusedStatus(bucket, bucket.lease!.waitMs(performance.now())))
      case 'cut-off':
        return this.#conclude([bucket], this.#shares.withoutRedis(bucket, onOutage, false))
    }
  }

  /** Decides in this node alone, when the node runs without Redis. */
  #takeLocally(buckets: readonly Bucket[]): LimitOutcome {
    const nowMs = performance.now()
    let tightest: LimitStatus | undefined
    for (const [i, bucket] of buckets.entries()) {
      bucket.usedMs = nowMs
      const status = this.#shares.take(bucket, nowMs)
      if (!status.allowed) {
        for (const { local, rule } of buckets.slice(0, i)) local!.giveBack(rule.cost, local!.granted)
        return status
      }
      tightest = tighter(tightest, status) as LimitStatus
    }
    return tightest
  }

  #conclude(buckets: readonly Bucket[], outcome: LimitOutcome): LimitOutcome {
    if (outcome?.allowed !== false) {
      for (const { counts } of buckets) counts.admitted++
      return outcome
    }
    const counts = this.#counters.of(outcome.rule.label)
    if (outcome.rule.shadow) counts.shadowRefused++
    else counts.refused++
    return outcome
  }
}
