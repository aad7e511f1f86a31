import { performance } from 'node:perf_hooks'
import { Supervisor } from '../base/supervisor.ts'
import type { Bucket, LeaseOutcome } from './bucket.ts'
import { DueWheel } from './due-wheel.ts'
import { isTimeout, type PermitStore } from './permit-store.ts'

/** Longest wait of a request for permits, but for the last call: that ends by the deadline of the store. */
const WAIT_MS = 250
/** Requests that wait for permits of one window. More are refused. */
const WAITERS_MAX = 1024

/** The leases of this node: asks for permits when somebody waits, before they run out, and gives back what is left. */
export class LeasedWindows {
  readonly #store: PermitStore
  readonly #task = new Supervisor('limit-leases')
  readonly #wheel = new DueWheel<Bucket>((bucket, nowMs) => this.#onDue(bucket, nowMs))
  readonly #calls = new Set<Promise<void>>()
  /** In the wheel already. */
  readonly #attended = new Set<Bucket>()

  constructor(store: PermitStore) {
    this.#store = store
  }

  /** Spends a permit. Waits only when there is none in hand and Redis may have some. */
  take(bucket: Bucket, nowMs: number): LeaseOutcome | Promise<LeaseOutcome> {
    const lease = bucket.lease!
    if (lease.spend(nowMs)) {
      if (lease.shouldRefill(nowMs)) void this.#ask(bucket, nowMs)
      return 'taken'
    }
    if (lease.cutOff) {
      // Redis was away: nobody waits for the call that finds out whether it is back.
      if (lease.mayAsk(nowMs)) void this.#ask(bucket, nowMs)
      return 'cut-off'
    }
    if (lease.fullAt(nowMs)) return 'full'
    if (bucket.waiters.length >= WAITERS_MAX) return 'full'
    return new Promise((resolve) => {
      bucket.waiters.push({ sinceMs: nowMs, resolve })
      if (!lease.asking) void this.#ask(bucket, nowMs)
    })
  }

  /** Whether `take` would refuse, and at once. */
  isFull({ lease }: Bucket, nowMs: number): boolean {
    return !lease!.maySpend(nowMs) && !lease!.cutOff && lease!.fullAt(nowMs)
  }

  /** Returns what is left, and tells what was spent. */
  async settle(bucket: Bucket): Promise<void> {
    const lease = bucket.lease!
    if (lease.open && !lease.asking) await this.#ask(bucket, performance.now(), true)
  }

  /** Lets the calls under way come to their end, and those that requests still wait for. */
  async close(): Promise<void> {
    this.#wheel.close()
    for (let turn = 0; turn < 4 && this.#calls.size > 0; turn++) await Promise.all(this.#calls)
  }

  #ask(bucket: Bucket, nowMs: number, ending = false): Promise<void> {
    const { lease, waiters, rule, key, counts } = bucket
    const { granted, returned } = lease!
    const call = lease!.begin(nowMs, waiters.length, ending)
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
      this.#wake(bucket)
      if (lease!.open) this.#attend(bucket)
    })
    const asked = done.then(() => void this.#calls.delete(asked))
    this.#calls.add(asked)
    return asked
  }

  /** Serves those that waited for a call, in their order. */
  #wake(bucket: Bucket): void {
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
    // The window has more: these came while the call was under way.
    for (let i = served; i < rest.length; i++) {
      if (nowMs - rest[i]!.sinceMs < WAIT_MS || lease!.uncertain) waiters.push(rest[i]!)
      else rest[i]!.resolve('full')
    }
    if (waiters.length > 0) void this.#ask(bucket, nowMs)
  }

  #attend(bucket: Bucket): void {
    if (this.#attended.has(bucket)) return
    this.#attended.add(bucket)
    this.#wheel.add(bucket, bucket.lease!.dueMs)
  }

  /** The lease is about to end: it is renewed where there is demand, and settled where there is none. */
  #onDue(bucket: Bucket, nowMs: number): void {
    this.#attended.delete(bucket)
    const lease = bucket.lease!
    if (lease.asking || !lease.open) return
    if (lease.cutOff && nowMs - lease.answeredMs > bucket.rule.windowMs + 2000) lease.forget()
    else if (nowMs >= lease.dueMs) void this.#ask(bucket, nowMs, !lease.mayAsk(nowMs))
    else this.#attend(bucket)
  }
}
