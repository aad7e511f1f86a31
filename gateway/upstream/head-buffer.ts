import { HEAD_MAX_BYTES } from './target.ts'

const FIRST_BYTES = 2048
/**
 * Size in bytes up to which an incomplete reply head is parsed again after every read. A larger head is parsed again
 * only after a read that contains a line feed, because each parse restarts at the first byte of the head.
 */
const EAGER_BYTES = 4096
const LF = 0x0a

/**
 * Buffer for a reply head that arrives in several reads. After the last read the buffer also contains the bytes behind
 * the head.
 */
export class HeadBuffer {
  bytes = Buffer.alloc(0)
  size = 0

  /** Replaces the contents of this buffer by the part of `bytes` from offset `from` to offset `to`. */
  keep(bytes: Buffer, from: number, to: number): void {
    if (bytes === this.bytes) this.bytes.copyWithin(0, from, to)
    else {
      this.bytes = Buffer.allocUnsafe(Math.max(FIRST_BYTES, 2 * (to - from)))
      bytes.copy(this.bytes, 0, from, to)
    }
    this.size = to - from
  }

  /**
   * Appends the bytes of one read.
   *
   * @returns whether the head should be parsed again
   */
  add(piece: Buffer, length: number): boolean {
    const size = this.size + length
    if (size > this.bytes.length) {
      const grown = Buffer.allocUnsafe(2 * size)
      this.bytes.copy(grown, 0, 0, this.size)
      this.bytes = grown
    }
    piece.copy(this.bytes, this.size, 0, length)
    const lineEnd = this.bytes.subarray(this.size, size).includes(LF)
    this.size = size
    return lineEnd || size <= EAGER_BYTES || size > HEAD_MAX_BYTES
  }
}
