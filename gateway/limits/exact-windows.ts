import { Supervisor } from '../base/supervisor.ts'
import type { Bucket } from './bucket.ts'
import { isTimeout, type PermitStore } from './permit-store.ts'
import { spanTicks, tickUs } from './ticks.ts'

/** Decision of Redis on one request. */
export interface ExactDecision {
  readonly allowed: boolean
  /** Window with the least room. */
  readonly tightest: Bucket
  /** Room left in the tightest window, requests. */
  readonly left: number
  readonly waitMs: number
  /** Time of the decision by the Redis clock, µs. */
  readonly atUs: number
}

interface Waiting {
  readonly resolve: (decision: ExactDecision) => void
  readonly reject: (cause: unknown) => void
}

/** Requests of one event loop tick whose windows share a Redis slot. */
interface Batch {
  readonly buckets: Bucket[]
  readonly keys: string[]
  readonly terms: number[]
  readonly requests: number[]
  readonly waiting: Waiting[]
}

/** Largest number of requests in one call. Redis needs about 5 µs per request, and a larger call would delay others. */
const BATCH_MAX = 64

/**
 * Windows in mode `exact`: Redis decides every request. Requests of one event loop tick are sent in one call per slot.
 */
export class ExactWindows {
  readonly #store: PermitStore
  readonly #task = new Supervisor('limit-permits')
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
   * Charges a request to all of these windows, or to none of them.
   *
   * @param buckets  windows that share one slot
   * @throws {RedisFault} as a rejection, when Redis did not reply; Redis may still have charged the request
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

  /** Slot of a window. Windows of one slot are charged in one step. */
  slotOf({ key }: Bucket): string {
    return this.#store.slotOf(key)
  }

  /** Refunds the charges of `take`. Sent at most once. A lost refund only admits too few requests, never too many. */
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
    // Retries once after a timeout, because the pause may have been in this node. A retry may charge twice, which only
    // admits too few requests.
    const again = (fault: unknown) => (isTimeout(fault) ? this.#store.take(keys, args) : Promise.reject(fault))
    // Wraps the call in a promise, so an error thrown synchronously also reaches the waiting requests.
    new Promise<readonly number[]>((resolve) => resolve(this.#store.take(keys, args)))
      .catch(again)
      .then((reply) => {
        for (const [i, { resolve }] of waiting.entries()) {
          const at = 1 + 4 * i
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

/** Returns the index of a window's key, from 1. Adds the window to the batch if it is new. */
function placeOf(bucket: Bucket, { buckets, keys, terms }: Batch): number {
  const known = keys.indexOf(bucket.key)
  if (known >= 0) return known + 1
  buckets.push(bucket)
  keys.push(bucket.key)
  terms.push(bucket.rule.requests, spanTicks(bucket.rule), tickUs(bucket.rule))
  return keys.length
}
