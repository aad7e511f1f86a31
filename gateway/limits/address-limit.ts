import { performance } from 'node:perf_hooks'

/** Addresses that a generation remembers. */
const GENERATION_MAX = 32_768

interface Bucket {
  /** What is left of the burst. */
  tokens: number
  /** Monotonic, ms. */
  filledAt: number
}

/**
 * Bounds the verifications that strangers can make this node spend: a token bucket per address, charged only by those
 * whose credential cost a verification and failed it. Node-local, since it guards this node's CPU.
 */
export class AddressLimit {
  readonly #perMs: number
  readonly #burst: number
  /**
   * Two generations, the older of which is dropped when the younger is full: what was charged lately is remembered, the
   * memory is bounded, and a flood of addresses costs no search for the oldest.
   */
  #young = new Map<string, Bucket>()
  #old = new Map<string, Bucket>()
  /** When one is refused: seconds until a token is there again, at least 1. */
  readonly retryAfterS: number

  constructor(options: { perSecond: number; burst: number }) {
    this.#perMs = options.perSecond / 1000
    this.#burst = options.burst
    this.retryAfterS = Math.max(1, Math.ceil(1 / options.perSecond))
  }

  /** Costs nothing while nobody was charged, as is usual. */
  exhausted(address: Uint8Array): boolean {
    if (this.#young.size === 0) return false
    const key = subscriberOf(address)
    const bucket = this.#young.get(key) ?? this.#old.get(key)
    if (bucket === undefined) return false
    this.#fill(bucket)
    return bucket.tokens < 1
  }

  charge(address: Uint8Array): void {
    const key = subscriberOf(address)
    let bucket = this.#young.get(key)
    if (bucket === undefined) {
      bucket = this.#old.get(key) ?? { tokens: this.#burst, filledAt: performance.now() }
      this.#remember(key, bucket)
    }
    this.#fill(bucket)
    bucket.tokens = Math.max(0, bucket.tokens - 1)
  }

  /** Takes one charge back, as of a call that turned out well. */
  refund(address: Uint8Array): void {
    const key = subscriberOf(address)
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
    const now = performance.now()
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (now - bucket.filledAt) * this.#perMs)
    bucket.filledAt = now
  }
}

/** Name of an IPv4 address, or of an IPv6 /64, which is what one subscriber is given (RFC 6177). */
export function subscriberOf(address: Uint8Array): string {
  let key = ''
  const length = address.length === 4 ? 4 : 8
  for (let i = 0; i < length; i++) key += String.fromCharCode(address[i]!)
  return key
}
