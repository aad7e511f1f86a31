import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { LimitRule, LimitsOutage } from '../base/limit-rule.ts'
import { NamedCounts } from '../telemetry/named-counts.ts'
import { Bucket, type LeaseOutcome } from './bucket.ts'
import { BucketTable } from './bucket-table.ts'
import { Charge, type Windows } from './charge.ts'
import { ExactWindows } from './exact-windows.ts'
import { Lease } from './lease.ts'
import { LeasedWindows } from './leased-windows.ts'
import { type LimitCounts, newLimitCounts } from './limit-counts.ts'
import { admittedByLease, type LimitOutcome, type LimitStatus, refusedStatus, tighter } from './limit-status.ts'
import { LocalShares } from './local-shares.ts'
import type { PermitStore } from './permit-store.ts'
import { tickUs } from './ticks.ts'

export interface LimiterOptions {
  /**
   * Rate limit windows in Redis. `undefined` when the node runs without Redis; each limit then applies to this node
   * alone.
   */
  readonly store: PermitStore | undefined
  /** Returns the number of nodes that share the limits, as last read. Default: 1. */
  readonly members?: () => number
  /** Maximum number of rate limit windows in memory. Default: 100,000. */
  readonly bucketsMax?: number
}

/** Enforces the rate limits of the cluster for the requests of this node. */
export class Limiter {
  readonly #store: PermitStore | undefined
  readonly #windows: Windows | undefined
  readonly #shares: LocalShares
  /** Counters by the label of the limit. @bound policy */
  readonly #counters = new NamedCounts(newLimitCounts)
  readonly #table: BucketTable
  /** Random id of this process, a part of the id of each lease. */
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

  /**
   * Returns the rate limit window of this identity. The caller can store the bucket and use it while its `live` is
   * true.
   */
  bucket(rule: LimitRule, identity: string): Bucket {
    return this.#table.of(rule, identity)
  }

  /** Returns the rate limit windows that this node used recently. */
  buckets(): Iterable<Bucket> {
    return this.#table.all()
  }

  metrics(): readonly Readonly<LimitCounts>[] {
    return [...this.#counters.values()]
  }

  /**
   * Charges a request to all of the rate limit windows, or to none of them. When the request has a single leased window
   * and the node has permits, the call is synchronous and allocates nothing.
   *
   * @throws {GatewayFault} `store-unavailable` when Redis is unavailable and `on_outage.limits` of the route is
   *   `closed`; thrown, or as a rejected promise
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

  /** Stops renewals of permit leases, and returns unspent permits to Redis if Redis is available. */
  async close(): Promise<void> {
    this.#table.close()
    if (this.#windows === undefined) return
    const { leased } = this.#windows
    // Wait for the calls to Redis in progress first: a reply can still grant a lease, whose permits must be returned to
    // Redis too.
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

  /** Fast path for the usual case: the request has one leased window, and Redis was not unavailable recently. */
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

  /** Decides a request in this node alone. Used when the node runs without Redis. */
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
