import { performance } from 'node:perf_hooks'
import type { LimitRule } from '../base/limit-rule.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { Bucket } from './bucket.ts'

const SWEEP_MS = 1000
/** Maximum number of rate limit windows that one sweep (every second) checks. */
const SWEEP_MAX = 2000
/** Number of rate limit windows that are compared to choose the window to evict from a full table. */
const TRIES = 8
/**
 * Time without requests after which a rate limit window can be dropped from memory, ms. A window that is shorter than
 * this time can be dropped after its own length. Longer than any lease of permits lasts.
 */
const IDLE_MS = 10_000

/**
 * Rate limit windows in the memory of this node. Their number is bounded, and idle windows are dropped. Redis still has
 * the counts of a dropped window.
 */
export class BucketTable {
  readonly #max: number
  readonly #make: (rule: LimitRule, identity: string) => Bucket
  readonly #forgotten: (bucket: Bucket) => void
  /**
   * Rate limit windows by the name of the limit and the identity.
   *
   * @bound 100,000 windows | an idle or the least used of {@link TRIES} windows is dropped; Redis has its count | none
   */
  readonly #buckets = new Map<string, Bucket>()
  #cursor = this.#buckets.entries()
  readonly #endSweeping: () => void

  constructor(max: number, make: (rule: LimitRule, identity: string) => Bucket, forgotten: (bucket: Bucket) => void) {
    this.#max = max
    this.#make = make
    this.#forgotten = forgotten
    this.#endSweeping = new Supervisor('limit-sweep').repeat(SWEEP_MS, () => this.#sweep(performance.now()))
  }

  /**
   * Returns the rate limit window of this identity, or creates it. After a policy change, a limit that has not changed
   * continues its windows. A limit with changed `requests` or `cost` gets new windows in this node.
   */
  of(rule: LimitRule, identity: string): Bucket {
    const name = `${rule.key}|${rule.requests}|${rule.cost}|${identity}`
    const known = this.#buckets.get(name)
    if (known !== undefined) return known
    if (this.#buckets.size >= this.#max) this.#makeRoom()
    const bucket = this.#make(rule, identity)
    this.#buckets.set(name, bucket)
    return bucket
  }

  all(): IterableIterator<Bucket> {
    return this.#buckets.values()
  }

  get size(): number {
    return this.#buckets.size
  }

  close(): void {
    this.#endSweeping()
  }

  /**
   * Evicts the least recently used of the first 8 rate limit windows, and moves the other 7 to the end of the table.
   */
  #makeRoom(): void {
    const next: [string, Bucket][] = []
    for (const entry of this.#buckets) if (next.push(entry) === TRIES) break
    let [name, bucket] = next[0]!
    for (const entry of next) if (entry[1].usedMs < bucket.usedMs) [name, bucket] = entry
    for (const [other, kept] of next) {
      if (other === name) continue
      this.#buckets.delete(other)
      this.#buckets.set(other, kept)
    }
    this.#drop(name, bucket)
  }

  #sweep(nowMs: number): void {
    for (let looked = 0; looked < SWEEP_MAX; looked++) {
      const next = this.#cursor.next()
      if (next.done) {
        this.#cursor = this.#buckets.entries()
        return
      }
      const [name, bucket] = next.value
      if (isIdle(bucket, nowMs)) this.#drop(name, bucket)
    }
  }

  #drop(name: string, bucket: Bucket): void {
    bucket.live = false
    this.#buckets.delete(name)
    this.#forgotten(bucket)
  }
}

/**
 * Whether a rate limit window can be dropped from memory. A window with counts of this node alone (without Redis, or
 * from an outage of Redis) stays in memory for its whole length, because Redis does not have these counts.
 */
function isIdle({ rule, local, usedMs }: Bucket, nowMs: number): boolean {
  const idleMs = local === undefined ? Math.min(rule.windowMs, IDLE_MS) : rule.windowMs * 1.02
  return nowMs - usedMs > idleMs
}
