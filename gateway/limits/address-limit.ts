import { performance } from 'node:perf_hooks'
import { addressKey } from '../base/address-key.ts'

/** Largest number of addresses in one generation. */
const GENERATION_MAX = 32_768

interface Bucket {
  /** Tokens left. Falls below 1, down to `1 - cost of one failure`, when the address is exhausted. */
  tokens: number
  /** When the tokens were last refilled, monotonic, ms. */
  filledAt: number
}

/** Work that an invalid credential caused: a verification on this node, or an introspection at an issuer. */
export type FailedWork = 'verification' | 'introspection'

export interface AddressLimitOptions {
  /** Failed verifications that an address may cause per second. */
  readonly perSecond: number
  /** Failed verifications that an address may cause at once. */
  readonly burst: number
  /** Failed introspections that an address may cause per second. Default and maximum: `perSecond`. */
  readonly introspectionsPerSecond?: number
  /** Monotonic clock, ms. Default: `performance.now`. */
  readonly now?: (() => number) | undefined
}

/**
 * Limits the verifications that unauthenticated clients can cause: one token bucket per address. Only a credential that
 * failed its verification is charged. Node-local, because the limit protects the CPU of this node.
 */
export class AddressLimit {
  readonly #perMs: number
  readonly #burst: number
  /** Tokens that one failed introspection costs. At least 1. */
  readonly #introspectionCost: number
  readonly #now: () => number
  /**
   * Buckets in two generations. When the young generation is full, the old one is dropped. Recent charges are kept,
   * memory is bounded, and no search for the oldest bucket is necessary under a flood of addresses.
   */
  #young = new Map<string, Bucket>()
  #old = new Map<string, Bucket>()
  /** Value of `Retry-After` for an exhausted address: time until the next token, s, at least 1. */
  readonly retryAfterS: number

  constructor({ perSecond, burst, introspectionsPerSecond = perSecond, now }: AddressLimitOptions) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#introspectionCost = Math.max(1, perSecond / introspectionsPerSecond)
    this.#now = now ?? (() => performance.now())
    this.retryAfterS = Math.max(1, Math.ceil(1 / perSecond))
  }

  /** Whether the address has less than one token left. Returns at once while no address was charged. */
  exhausted(address: Uint8Array): boolean {
    if (this.#young.size === 0) return false
    const key = addressKey(address)
    const bucket = this.#young.get(key) ?? this.#old.get(key)
    if (bucket === undefined) return false
    this.#fill(bucket)
    return bucket.tokens < 1
  }

  /** Failed verifications that the address may still cause at once. */
  left(address: Uint8Array): number {
    const key = addressKey(address)
    const bucket = this.#young.get(key) ?? this.#old.get(key)
    if (bucket === undefined) return this.#burst
    this.#fill(bucket)
    return bucket.tokens
  }

  /**
   * Charges one failure. The balance never falls below `1 - cost`. So the address waits at most for the cost of one
   * failure, and failures at the permitted rate remain possible.
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

  /** Refunds one token, for example after a charged call that succeeded. The balance never exceeds the burst. */
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
