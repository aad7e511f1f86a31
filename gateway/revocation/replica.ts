import { HASH_WORDS } from './identity.ts'
import { RECORD_BYTES } from './record.ts'
import { Segment } from './segment.ts'

const SEGMENTS = 256

/**
 * Every revocation that a node knows, in its own memory: about 50 bytes each, no objects, nothing for the garbage
 * collector to walk. In 256 segments by the first byte of the hash, so that growing and sweeping stay short.
 *
 * An entry leaves only when it has expired: a Redis that lost its tail must not make a node forget.
 */
export class Replica {
  readonly #segments = Array.from({ length: SEGMENTS }, () => new Segment())
  #next = 0
  /** Rises with every change that could refuse one more token. */
  changes = 1
  size = 0

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Applies packed records. Those known already, and whatever is no record, change nothing. */
  apply(records: Buffer): void {
    let changed = false
    for (let at = 0; at + RECORD_BYTES <= records.length; at += RECORD_BYTES) {
      const h0 = records.readUInt32BE(at)
      const expires = records.readUInt32BE(at + 20)
      if (expires === 0) continue
      const outcome = this.#segments[h0 >>> 24]!.put(
        h0,
        records.readUInt32BE(at + 4),
        records.readUInt32BE(at + 8),
        records.readUInt32BE(at + 12),
        records.readUInt32BE(at + 16),
        expires,
      )
      if (outcome === 'added') this.size += 1
      if (outcome !== 'known') changed = true
    }
    if (changed) this.changes += 1
  }

  /**
   * Whether one of these hashes is revoked for a token issued then. Allocates nothing.
   *
   * @param hashes      4 words each; four zeros are none
   * @param issuedAtS   s since the epoch; a token that does not say is refused by whatever names it
   */
  matches(hashes: Uint32Array, issuedAtS: number | undefined): boolean {
    for (let at = 0; at < hashes.length; at += HASH_WORDS) {
      const h0 = hashes[at]!
      const h1 = hashes[at + 1]!
      const h2 = hashes[at + 2]!
      const h3 = hashes[at + 3]!
      if ((h0 | h1 | h2 | h3) === 0) continue
      const before = this.#segments[h0 >>> 24]!.find(h0, h1, h2, h3)
      if (before !== 0 && (issuedAtS === undefined || issuedAtS < before)) return true
    }
    return false
  }

  /** Sweeps the segment whose turn it is: all of them, one after the other, when called again and again. */
  sweep(nowS: number): void {
    this.size -= this.#segments[this.#next]!.sweep(nowS)
    this.#next = (this.#next + 1) % SEGMENTS
  }

  /**
   * What this replica says and the other one does not, as packed records, segment by segment.
   *
   * @param nowS  what has expired by then is left out
   */
  *beyond(other: Replica, nowS: number): Generator<Buffer> {
    for (const [index, segment] of this.#segments.entries()) {
      const found: number[] = []
      segment.each((h0, h1, h2, h3, before, expires) => {
        if (expires <= nowS || other.#segments[index]!.covers(h0, h1, h2, h3, before, expires)) return
        found.push(h0, h1, h2, h3, before, expires)
      })
      const records = Buffer.alloc(found.length * 4)
      for (const [i, word] of found.entries()) records.writeUInt32BE(word, 4 * i)
      yield records
    }
  }
}
