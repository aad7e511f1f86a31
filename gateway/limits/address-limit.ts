import { performance } from 'node:perf_hooks'
import { addressKey } from '../base/address-key.ts'

/** Maximum number of client addresses in each of the two generations of token buckets. */
const GENERATION_MAX = 32_768

interface Bucket {
  /**
   * Number of tokens left in the bucket of a client address. When the address is exhausted, the number is below 1; the
   * minimum is `1 - cost of one failure`.
   */
  tokens: number
  /** Time at which the tokens of this bucket were last refilled; monotonic, ms. */
  filledAt: number
}

/** Work that an invalid credential caused: a verification on this node, or an introspection at an issuer. */
export type FailedWork = 'verification' | 'introspection'

export interface AddressLimitOptions {
  /** Number of failed verifications per second that one client address can cause. */
  readonly perSecond: number
  /** Number of failed verifications that one client address can cause immediately one after the other. */
  readonly burst: number
  /** Number of failed introspections per second that one client address can cause. Default and maximum: `perSecond`. */
  readonly introspectionsPerSecond?: number
  /** Returns the time of a monotonic clock, ms. Default: `performance.now`. */
  readonly now?: (() => number) | undefined
}

/**
 * Limits the verifications that unauthenticated clients can cause: one token bucket for each client address. Only a
 * credential that failed its verification is charged. Each node counts separately, because the limit protects its CPU.
 */
export class AddressLimit {
  readonly #perMs: number
  readonly #burst: number
  /** Number of tokens of the bucket that one failed introspection costs, at least 1. A failed verification costs 1. */
  readonly #introspectionCost: number
  readonly #now: () => number
  /**
   * Token buckets of client addresses in two generations. When the young generation is full, it replaces the old one,
   * which is dropped. So recent charges are not lost, the memory is bounded, and a flood of addresses causes no search
   * for the oldest bucket.
   *
   * @bound {@link GENERATION_MAX} addresses | the older generation is dropped | none
   */
  #young = new Map<string, Bucket>()
  /**
   * Token buckets of client addresses, previous generation.
   *
   * @bound {@link GENERATION_MAX} addresses | the older generation is dropped | none
   */
  #old = new Map<string, Bucket>()
  /** Value of `Retry-After` for an exhausted address, s: the time in which one token is added, at least 1 s. */
  readonly retryAfterS: number

  constructor({ perSecond, burst, introspectionsPerSecond = perSecond, now }: AddressLimitOptions) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#introspectionCost = Math.max(1, perSecond / introspectionsPerSecond)
    this.#now = now ?? (() => performance.now())
    this.retryAfterS = Math.max(1, Math.ceil(1 / perSecond))
  }

  /**
   * Whether the client address has less than one token left. Takes almost no time while no address has been charged.
   */
  exhausted(address: Uint8Array): boolean {
    if (this.#young.size === 0) return false
    const key = addressKey(address)
    const bucket = this.#young.get(key) ?? this.#old.get(key)
    if (bucket === undefined) return false
    this.#fill(bucket)
    return bucket.tokens < 1
  }

  /** Number of verifications that the client address can let fail now, before it must wait for a refill. */
  left(address: Uint8Array): number {
    const key = addressKey(address)
    const bucket = this.#young.get(key) ?? this.#old.get(key)
    if (bucket === undefined) return this.#burst
    this.#fill(bucket)
    return bucket.tokens
  }

  /**
   * Charges one failed verification to the client address. The balance never falls below `1 - cost`. So the address
   * waits at most until the cost of one failure is refilled, and failures at the permitted rate remain possible.
   */
  charge(address: Uint8Array, work: FailedWork = 'verification'): void {
    const cost = work === 'introspection' ? this.#introspectionCost : 1
    const key = addressKey(address)
    let bucket = this.#young.get(key)
    if (bucket === undefined) {
      bucket = this.#old.get(key) ?? { tokens: this.#burst, filledAt: this.#now() }
      this.#remember(key, bucket)
    }
    this.#fill(bucket)
    bucket.tokens = Math.max(1 - cost, bucket.tokens - cost)
  }

  /**
   * Refunds one token of the address limit, for example after the success of a call that was charged in advance. The
   * balance never exceeds the burst.
   */
  refund(address: Uint8Array): void {
    const key = addressKey(address)
    const bucket = this.#young.get(key) ?? this.#old.get(key)
    if (bucket !== undefined) bucket.tokens = Math.min(this.#burst, bucket.tokens + 1)
  }

  #remember(key: string, bucket: Bucket): void {
    if (this.#young.size === GENERATION_MAX) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, bucket)
  }

  #fill(bucket: Bucket): void {
    const now = this.#now()
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (now - bucket.filledAt) * this.#perMs)
    bucket.filledAt = now
  }
}
