import { Supervisor } from '../base/supervisor.ts'
import type { Bucket } from './bucket.ts'
import { isTimeout, type PermitStore } from './permit-store.ts'
import { spanTicks, tickUs } from './ticks.ts'

/** What Redis said of one request. */
export interface ExactDecision {
  readonly allowed: boolean
  /** With the least room. */
  readonly tightest: Bucket
  readonly left: number
  readonly waitMs: number
  /** By Redis's clock, µs. */
  readonly atUs: number
}

interface Waiting {
  readonly resolve: (decision: ExactDecision) => void
  readonly reject: (cause: unknown) => void
}

/** Requests of one tick whose windows share a slot. */
interface Batch {
  readonly buckets: Bucket[]
  readonly keys: string[]
  readonly terms: number[]
  readonly requests: number[]
  readonly waiting: Waiting[]
}

/** More would hold up Redis for others: a call takes about 5 µs for each. */
const BATCH_MAX = 64

/** Windows of which Redis decides each request: those of one tick in one call for each slot. */
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
   * Charges a request to all of these windows or to none.
   *
   * @param buckets  of one slot
   * @throws {RedisFault} as a rejection, when Redis did not say: it may have charged it
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

  /** Windows of one slot are charged in one step. */
  slotOf({ key }: Bucket): string {
    return this.#store.slotOf(key)
  }

  /** Takes back what `take` charged. Sent once at most; what is lost under-admits. */
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
    // Sent again after a timeout, it may charge twice, which only under-admits: perhaps it was this node that stood still.
    const again = (fault: unknown) => (isTimeout(fault) ? this.#store.take(keys, args) : Promise.reject(fault))
    // A promise of our own: an error that is thrown at once reaches those who wait, too.
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

/** Index of a window's key, from 1. */
function placeOf(bucket: Bucket, { buckets, keys, terms }: Batch): number {
  const known = keys.indexOf(bucket.key)
  if (known >= 0) return known + 1
  buckets.push(bucket)
  keys.push(bucket.key)
  terms.push(bucket.rule.requests, spanTicks(bucket.rule), tickUs(bucket.rule))
  return keys.length
}
