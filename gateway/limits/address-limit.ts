import { performance } from 'node:perf_hooks'
import { addressKey } from '../base/address-key.ts'

/** Addresses that a generation remembers. */
const GENERATION_MAX = 32_768

interface Bucket {
  /** What is left of the burst. */
  tokens: number
  /** Monotonic, ms. */
  filledAt: number
}

/** Work of this node, or of an issuer, that a credential of a stranger cost in vain. */
export type FailedWork = 'verification' | 'introspection'

export interface AddressLimitOptions {
  /** Failed verifications that an address is granted a second. */
  readonly perSecond: number
  /** Failed verifications that an address may run up at once. */
  readonly burst: number
  /** Failed introspections that an address is granted a second. Default, and at most, `perSecond`. */
  readonly introspectionsPerSecond?: number
  /** Monotonic clock, ms. Default: the process's. */
  readonly now?: (() => number) | undefined
}

/**
 * Bounds the verifications that strangers can make this node spend: a token bucket per address, charged only by those
 * whose credential cost a verification and failed it. Node-local, since it guards this node's CPU.
 */
export class AddressLimit {
  readonly #perMs: number
  readonly #burst: number
  /** Tokens of the bucket that a failed introspection costs. */
  readonly #introspectionCost: number
  readonly #now: () => number
  /**
   * Two generations, the older of which is dropped when the younger is full: what was charged lately is remembered, the
   * memory is bounded, and a flood of addresses costs no search for the oldest.
   */
  #young = new Map<string, Bucket>()
  #old = new Map<string, Bucket>()
  /** When one is refused: seconds until a token is there again, at least 1. */
  readonly retryAfterS: number

  constructor({ perSecond, burst, introspectionsPerSecond = perSecond, now }: AddressLimitOptions) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#introspectionCost = Math.max(1, perSecond / introspectionsPerSecond)
    this.#now = now ?? (() => performance.now())
    this.retryAfterS = Math.max(1, Math.ceil(1 / perSecond))
  }

  /** Costs nothing while nobody was charged, as is usual. */
  exhausted(address: Uint8Array): boolean {
    if (this.#young.size === 0) return false
    const key = addressKey(address)
    const bucket = this.#young.get(key) ?? this.#old.get(key)
    if (bucket === undefined) return false
    this.#fill(bucket)
    return bucket.tokens < 1
  }

  /** Failures that the address may still run up at once. */
  left(address: Uint8Array): number {
    const key = addressKey(address)
    const bucket = this.#young.get(key) ?? this.#old.get(key)
    if (bucket === undefined) return this.#burst
    this.#fill(bucket)
    return bucket.tokens
  }

  /**
   * Charges one failure. The balance of an address falls below one token by at most the cost of one failure, so that
   * failures at the granted rate are what it can go on with.
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

  /** Takes one charge back, as of a call that turned out well. */
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
