import type { ImmediateSignatureCheck } from '../oauth/jws-signature.ts'

/** Maximum number of keys in each of the two generations of the cache. */
const GENERATION_MAX = 16_384

/** A cached public key that has verified a DPoP proof. */
export interface KnownProofKey {
  /**
   * First part (the header) of the proof with which the client presented the key. A proof with the same header has the
   * same algorithm and key.
   */
  readonly head: string
  readonly verify: ImmediateSignatureCheck
}

/**
 * Bounded cache of the keys of proofs, by thumbprint. A known key saves the parsing of the header, the thumbprint and
 * the import of the key: about 60 µs of a request. Only a key that has verified a proof enters the cache.
 */
export class ProofKeys {
  readonly #max: number
  /**
   * DPoP keys in the young of two generations. When the young generation is full, it replaces the old one.
   *
   * @bound {@link GENERATION_MAX} keys | the older generation is dropped | none
   */
  #young = new Map<string, KnownProofKey>()
  /**
   * DPoP keys of the previous generation. @bound {@link GENERATION_MAX} keys | the older generation is dropped | none
   */
  #old = new Map<string, KnownProofKey>()

  constructor(max = GENERATION_MAX) {
    this.#max = max
  }

  find(thumbprint: string): KnownProofKey | undefined {
    const young = this.#young.get(thumbprint)
    if (young !== undefined) return young
    const old = this.#old.get(thumbprint)
    if (old !== undefined) this.add(thumbprint, old)
    return old
  }

  add(thumbprint: string, key: KnownProofKey): void {
    if (this.#young.size >= this.#max && !this.#young.has(thumbprint)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(thumbprint, key)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }
}
