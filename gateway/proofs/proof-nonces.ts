import { createHmac, timingSafeEqual } from 'node:crypto'

/** Time for which a DPoP nonce can be used, ms. */
const NONCE_LIFE_MS = 5 * 60_000
/**
 * Age of a DPoP nonce from which on a reply contains a newer nonce, ms. The client then avoids a rejection because of
 * an expired nonce.
 */
export const NONCE_RENEW_MS = NONCE_LIFE_MS / 2
/**
 * Maximum number of DPoP nonces in memory. There is one nonce per second, so this is more than the number of valid
 * nonces.
 */
const KNOWN_MAX = 512
/** Maximum difference between the clocks of two nodes with which a DPoP nonce is still accepted, ms. */
const CLOCK_SKEW_MS = 10_000
const HOUR_S = 3600
const TIME_BYTES = 4
const MAC_BYTES = 12
/** Length of a DPoP nonce in base64url, characters. */
const NONCE_CHARS = 22

/** The epoch of the data in Redis that records used proofs: its id, and its start if the id shows the start. */
export interface ProofEpoch {
  /** Id of the epoch; `''` while it is unknown. A nonce of one epoch is invalid in every other epoch. */
  readonly id: string
  /** Start of the epoch, ms since the Unix epoch; `undefined` when the id does not show it. */
  readonly startMs: number | undefined
}

export interface ProofNoncesOptions {
  readonly mode: 'optional' | 'required'
  /** Time after the start of an epoch for which every proof needs a nonce of this epoch, ms. */
  readonly settleMs: number
  readonly epoch: () => ProofEpoch
  /** Secret of the nonces, which all nodes share, 32 bytes. */
  readonly secret: () => Buffer
}

/**
 * Nonces for DPoP proofs (RFC 9449 §9). A nonce is the time of its issue with a MAC, so no node stores nonces, and
 * every node accepts the nonces of the others. The key of the MAC changes every hour and is derived from the shared
 * secret.
 *
 * The MAC covers the epoch. After Redis lost its data, recorded proofs may be lost too, and an earlier proof could be
 * used again. Until all earlier proofs are too old to be accepted, every proof therefore needs a nonce of the new
 * epoch, which an earlier proof cannot contain.
 */
export class ProofNonces {
  readonly #options: ProofNoncesOptions
  #epochId = ''
  #settledMs = 0
  /**
   * Nonces that were already computed for the current epoch and secret, by the second of their issue.
   *
   * @bound {@link KNOWN_MAX} nonces | all are forgotten and computed again | none
   */
  readonly #known = new Map<number, Buffer>()
  #knownFor: { readonly id: string; readonly secret: Buffer } | undefined
  #key: { readonly hour: number; readonly secret: Buffer; readonly bytes: Buffer } | undefined

  constructor(options: ProofNoncesOptions) {
    this.#options = options
  }

  /** Whether every proof needs a nonce at present, because the epoch is new. */
  isRequired(nowMs: number): boolean {
    return this.#options.mode === 'required' || nowMs < this.#settledAt(nowMs)
  }

  /** Returns the DPoP nonce of the current second. */
  issue(nowMs: number): string {
    return this.#bytesOf(Math.floor(nowMs / 1000)).toString('base64url')
  }

  /**
   * Returns the age of a DPoP nonce, ms; negative if the clock of the issuing node is ahead.
   *
   * @returns `undefined` for an invalid nonce
   */
  ageMs(nonce: string, nowMs: number): number | undefined {
    if (nonce.length !== NONCE_CHARS) return undefined
    const bytes = Buffer.from(nonce, 'base64url')
    if (bytes.length !== TIME_BYTES + MAC_BYTES) return undefined
    const issuedS = bytes.readUInt32BE(0)
    const ageMs = nowMs - issuedS * 1000
    // Check the age of the nonce before its MAC, so that a client cannot make the node compute nonces of any time.
    if (ageMs < -CLOCK_SKEW_MS || ageMs >= NONCE_LIFE_MS) return undefined
    return timingSafeEqual(bytes, this.#bytesOf(issuedS)) ? ageMs : undefined
  }

  /**
   * Returns the DPoP nonce of one second. All nodes issue the same nonce in one second, so a node computes few MACs.
   */
  #bytesOf(issuedS: number): Buffer {
    const { id } = this.#options.epoch()
    const secret = this.#options.secret()
    if (this.#knownFor?.id !== id || this.#knownFor.secret !== secret || this.#known.size >= KNOWN_MAX) {
      this.#known.clear()
      this.#knownFor = { id, secret }
    }
    let bytes = this.#known.get(issuedS)
    if (bytes === undefined) {
      bytes = Buffer.alloc(TIME_BYTES + MAC_BYTES)
      bytes.writeUInt32BE(issuedS, 0)
      const mac = createHmac('sha256', this.#keyOf(Math.floor(issuedS / HOUR_S)))
      mac.update(bytes.subarray(0, TIME_BYTES)).update(id).digest().copy(bytes, TIME_BYTES, 0, MAC_BYTES)
      this.#known.set(issuedS, bytes)
    }
    return bytes
  }

  #keyOf(hour: number): Buffer {
    const secret = this.#options.secret()
    if (this.#key?.hour !== hour || this.#key.secret !== secret) {
      const bytes = createHmac('sha256', secret).update(`gatehouse dpop nonce ${hour}`).digest()
      this.#key = { hour, secret, bytes }
    }
    return this.#key.bytes
  }

  /**
   * Time after which the records of used proofs are complete. A node that was running when the epoch changed uses its
   * own clock. A node that joined later uses the start that the id of the epoch shows.
   */
  #settledAt(nowMs: number): number {
    const { id, startMs } = this.#options.epoch()
    if (id !== this.#epochId) {
      const seenMs = this.#epochId === '' ? 0 : nowMs
      this.#epochId = id
      this.#settledMs = Math.max(seenMs, startMs ?? 0) + this.#options.settleMs
    }
    return this.#settledMs
  }
}
