import { performance } from 'node:perf_hooks'
import { Supervisor } from '../base/supervisor.ts'
import type { Bucket, LeaseOutcome } from './bucket.ts'
import { isTimeout, type PermitStore } from './permit-store.ts'
import { TimerWheel } from './timer-wheel.ts'

/**
 * Time after which a request stops waiting for permits of a leased limit, ms. The first call to Redis that counts the
 * request is not limited by this time, because the deadline of the `store` connection ends it.
 */
const WAIT_MS = 250
/**
 * Maximum number of requests that wait for permits of one window. Further requests are refused if the waiting requests
 * need the whole limit. Otherwise the window can have room for them, so `on_outage.limits` decides.
 */
const WAITERS_MAX = 16_384

/**
 * Manages the leases of this node. Calls Redis for permits when a request waits, and before the permits are used up.
 * Returns unused permits to Redis.
 */
export class LeasedWindows {
  readonly #store: PermitStore
  readonly #task = new Supervisor('limit-leases')
  readonly #wheel = new TimerWheel<Bucket>((bucket, nowMs) => this.#onDue(bucket, nowMs))
  /**
   * Calls to Redis in progress. @bound one call for each window in memory, so 100,000 | no window has two calls | none
   */
  readonly #calls = new Set<Promise<void>>()
  /**
   * Windows whose leases the timer wheel already watches: it calls back when a lease must be renewed or settled.
   *
   * @bound the windows in memory, so 100,000 | a window is in the set once | none
   */
  readonly #attended = new Set<Bucket>()

  constructor(store: PermitStore) {
    this.#store = store
  }

  /** Spends the permits for one request. Waits only if this node has too few permits and Redis can have more. */
  take(bucket: Bucket, nowMs: number): LeaseOutcome | Promise<LeaseOutcome> {
    const lease = bucket.lease!
    if (lease.spend(nowMs)) {
      if (lease.shouldRefill(nowMs)) void this.#ask(bucket, nowMs)
      return 'taken'
    }
    if (lease.cutOff) {
      // Test in the background whether Redis is available again after a failed call; this request does not wait for the
      // result.
      if (lease.mayAsk(nowMs)) void this.#ask(bucket, nowMs)
      return 'cut-off'
    }
    if (lease.fullAt(nowMs)) return 'full'
    if (bucket.waiters.length >= WAITERS_MAX)
      return WAITERS_MAX * bucket.rule.cost < bucket.rule.requests ? 'cut-off' : 'full'
    return new Promise((resolve) => {
      bucket.waiters.push({ sinceMs: nowMs, resolve })
      if (!lease.asking) void this.#ask(bucket, nowMs)
    })
  }

  /** Whether `take` would return `full` (the window has no room) without waiting. */
  isFull({ lease }: Bucket, nowMs: number): boolean {
    return !lease!.maySpend(nowMs) && !lease!.cutOff && lease!.fullAt(nowMs)
  }

  /**
   * Returns unused permits of a lease to Redis and reports the spent permits. Does nothing while a call for this window
   * is in progress.
   */
  async settle(bucket: Bucket): Promise<void> {
    const lease = bucket.lease!
    if (lease.open && !lease.asking) await this.#ask(bucket, performance.now(), true)
  }

  /**
   * Stops the renewal of permit leases. Waits for the calls in progress, and for at most three further rounds of calls
   * that waiting requests cause.
   */
  async close(): Promise<void> {
    this.#wheel.close()
    for (let turn = 0; turn < 4 && this.#calls.size > 0; turn++) await Promise.all(this.#calls)
  }

  #ask(bucket: Bucket, nowMs: number, ending = false): Promise<void> {
    const { lease, waiters, rule, key, counts } = bucket
    const { granted, returned } = lease!
    const counted = waiters.length
    const call = lease!.begin(nowMs, counted, ending)
    const done = this.#task.attempt(async () => {
      try {
        const reply = await this.#store.lease(key, rule, call)
        const heardMs = performance.now()
        lease!.accept(reply, heardMs)
        bucket.answered(reply.left, heardMs)
      } catch (fault) {
        lease!.fail(performance.now(), !isTimeout(fault))
      }
      counts.leased += lease!.granted - granted
      counts.returned += lease!.returned - returned
      this.#wake(bucket, counted)
      if (lease!.open) this.#attend(bucket)
    })
    const asked = done.then(() => void this.#calls.delete(asked))
    this.#calls.add(asked)
    return asked
  }

  /**
   * Serves the requests that waited for a call to Redis, in the order of their arrival. Refuses the others only if Redis
   * replied that the window has no room.
   *
   * @param counted  number of waiting requests when the call began, for which the call requested permits
   */
  #wake(bucket: Bucket, counted: number): void {
    const { lease, waiters } = bucket
    if (waiters.length === 0) return
    const nowMs = performance.now()
    let served = 0
    while (served < waiters.length && lease!.spendAtLast(nowMs)) waiters[served++]!.resolve('taken')
    const rest = waiters.splice(0)
    if (served === rest.length) return
    if (lease!.cutOff || !lease!.mayAsk(nowMs)) {
      const outcome = lease!.cutOff ? 'cut-off' : 'full'
      for (let i = served; i < rest.length; i++) rest[i]!.resolve(outcome)
      return
    }
    // Call Redis again if the window may have room for the remaining requests: they arrived while the call was in
    // progress, so the call did not request permits for them, or the call brought no permits because it timed out.
    for (let i = served; i < rest.length; i++) {
      const isKept = i >= counted || nowMs - rest[i]!.sinceMs < WAIT_MS || lease!.uncertain
      if (isKept) waiters.push(rest[i]!)
      else rest[i]!.resolve('cut-off')
    }
    if (waiters.length > 0) void this.#ask(bucket, nowMs)
  }

  #attend(bucket: Bucket): void {
    if (this.#attended.has(bucket)) return
    this.#attended.add(bucket)
    this.#wheel.add(bucket, bucket.lease!.dueMs)
  }

  /**
   * Handles a permit lease that is about to end: renews it, or if no call for permits is due yet, only settles it
   * (reports its spent permits).
   */
  #onDue(bucket: Bucket, nowMs: number): void {
    this.#attended.delete(bucket)
    const lease = bucket.lease!
    if (lease.asking || !lease.open) return
    if (lease.cutOff && nowMs - lease.answeredMs > bucket.rule.windowMs + 2000) lease.forget()
    else if (nowMs >= lease.dueMs) void this.#ask(bucket, nowMs, !lease.mayAsk(nowMs))
    else this.#attend(bucket)
  }
}
