import { Supervisor } from '../base/supervisor.ts'
import { RedisFault } from '../redis/redis-fault.ts'
import type { Bucket } from './bucket.ts'
import { isTimeout, type PermitStore } from './permit-store.ts'
import { spanTicks, tickUs } from './ticks.ts'

/** Decision of Redis on one request at limits in mode `exact` (Redis decides every request). */
export interface ExactDecision {
  readonly allowed: boolean
  /** The rate limit window with the least room among the windows of the request. */
  readonly tightest: Bucket
  /** Room left in the window `tightest`, as a number of requests. */
  readonly left: number
  readonly waitMs: number
  /** Time of the rate limit decision by the clock of Redis, µs since the epoch. */
  readonly atUs: number
}

interface Waiting {
  readonly resolve: (decision: ExactDecision) => void
  readonly reject: (cause: unknown) => void
}

/**
 * Requests to be decided by one call to Redis. All come from one event loop tick, and their windows share a Redis slot.
 */
interface Batch {
  readonly buckets: Bucket[]
  readonly keys: string[]
  readonly terms: number[]
  readonly requests: number[]
  readonly waiting: Waiting[]
}

/**
 * Maximum number of requests that one call to Redis decides. Redis needs about 5 µs for each; a larger call would delay
 * other calls.
 */
const BATCH_MAX = 64

/**
 * Decides requests at limits in mode `exact`: Redis decides every request. All requests of one event loop tick are sent
 * in one call for each Redis slot.
 */
export class ExactWindows {
  readonly #store: PermitStore
  readonly #task = new Supervisor('limit-permits')
  /** Requests of this event loop tick, by Redis slot. @bound request */
  readonly #batches = new Map<string, Batch>()
  readonly #send = (): void => {
    const batches = [...this.#batches.values()]
    this.#batches.clear()
    for (const batch of batches) this.#ask(batch)
  }

  constructor(store: PermitStore) {
    this.#store = store
  }

  /**
   * Charges a request to all of the rate limit windows, or to none of them.
   *
   * @param buckets  windows whose keys share one Redis slot
   * @throws {RedisFault} as a rejected promise, when Redis did not reply; Redis can have charged the request. Also when
   *   the request needs a new long window and the memory of Redis is nearly full; Redis has then charged nothing
   */
  take(buckets: readonly Bucket[]): Promise<ExactDecision> {
    const slot = this.slotOf(buckets[0]!)
    let batch = this.#batches.get(slot)
    if (batch === undefined) {
      if (this.#batches.size === 0) setImmediate(() => void this.#task.attempt(this.#send))
      batch = { buckets: [], keys: [], terms: [], requests: [], waiting: [] }
      this.#batches.set(slot, batch)
    }
    batch.requests.push(buckets.length)
    for (const bucket of buckets) batch.requests.push(placeOf(bucket, batch), bucket.rule.cost)
    const decided = new Promise<ExactDecision>((resolve, reject) => batch.waiting.push({ resolve, reject }))
    if (batch.waiting.length === BATCH_MAX) {
      this.#batches.delete(slot)
      this.#ask(batch)
    }
    return decided
  }

  /** Returns the Redis Cluster slot of a rate limit window. Windows of one slot are charged together in one call. */
  slotOf({ key }: Bucket): string {
    return this.#store.slotOf(key)
  }

  /**
   * Refunds the charges of `take`. The refund is sent at most once. If it is lost, the limit admits too few requests,
   * never too many.
   */
  giveBack(buckets: readonly Bucket[], atUs: number): void {
    const args = [atUs]
    for (const { rule } of buckets) args.push(tickUs(rule), rule.cost)
    this.#store
      .giveBack(
        buckets.map(({ key }) => key),
        args,
      )
      .catch(() => undefined)
  }

  #ask({ buckets, keys, terms, requests, waiting }: Batch): void {
    const args = [...terms, ...requests]
    // Repeat the call to Redis once after a timeout, because this node could have been paused. If Redis ran both calls,
    // it charged twice, and the limit only admits too few requests.
    const again = (fault: unknown) => (isTimeout(fault) ? this.#store.take(keys, args) : Promise.reject(fault))
    // Make the call to Redis inside a promise, so that an error that the call throws synchronously also reaches the
    // waiting requests.
    new Promise<readonly number[]>((resolve) => resolve(this.#store.take(keys, args)))
      .catch(again)
      .then((reply) => {
        for (const [i, { resolve, reject }] of waiting.entries()) {
          const at = 1 + 4 * i
          if (reply[at] === 2) {
            reject(new RedisFault('OOM', 'nine tenths of maxmemory are taken'))
            continue
          }
          resolve({
            allowed: reply[at] === 1,
            tightest: buckets[reply[at + 1]! - 1]!,
            left: reply[at + 2]!,
            waitMs: reply[at + 3]!,
            atUs: reply[0]!,
          })
        }
      })
      .catch((cause) => {
        for (const { reject } of waiting) reject(cause)
      })
  }
}

/**
 * Returns the position of a rate limit window's key in the batch, counted from 1. Adds the window to the batch if it is
 * new there.
 */
function placeOf(bucket: Bucket, { buckets, keys, terms }: Batch): number {
  const known = keys.indexOf(bucket.key)
  if (known >= 0) return known + 1
  buckets.push(bucket)
  keys.push(bucket.key)
  terms.push(bucket.rule.requests, spanTicks(bucket.rule), tickUs(bucket.rule))
  return keys.length
}
