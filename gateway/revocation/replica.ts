import { HASH_WORDS } from './identity.ts'
import { RECORD_BYTES } from './record.ts'
import { Segment } from './segment.ts'

const SEGMENTS = 256

/**
 * All revocations that this node knows, in memory: about 50 bytes each, in typed arrays that the garbage collector does
 * not scan. The entries are divided into 256 segments by the first byte of the hash, so that growing or sweeping one
 * segment takes little time.
 *
 * An entry is removed only after its expiry, because a Redis that lost its latest writes must not make a node forget a
 * revocation.
 */
export class Replica {
  readonly #segments = Array.from({ length: SEGMENTS }, () => new Segment())
  #next = 0
  /** Counter that increases with every change of the revocations that can cause a further token to be rejected. */
  changes = 1
  size = 0

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Applies packed revocation records to the replica. Known records and bytes that are not a record change nothing. */
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
   * Whether a revocation matches one of these hashes for a token with this time of issue. Allocates nothing.
   *
   * @param hashes     hashes of 4 words each; four zeros mean a missing identity
   * @param issuedAtS  time of issue of the token, s since the Unix epoch; `undefined` if unknown. Any record with one
   *   of the hashes then matches
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

  /** Removes the expired revocations of the next segment. 256 calls sweep the whole replica. */
  sweep(nowS: number): void {
    this.size -= this.#segments[this.#next]!.sweep(nowS)
    this.#next = (this.#next + 1) % SEGMENTS
  }

  /**
   * Yields the revocations that this replica has and `other` lacks, as packed records, segment by segment.
   *
   * @param nowS  current time, s since the Unix epoch; entries that have expired by this time are omitted
   */
  *recordsNotIn(other: Replica, nowS: number): Generator<Buffer> {
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
