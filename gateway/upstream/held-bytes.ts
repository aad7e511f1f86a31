import { HEAD_MAX_BYTES } from './target.ts'

const FIRST_BYTES = 2048
/** A head is read again from its start as it grows: above this size, only when a line has ended. */
const EAGER_BYTES = 4096
const LF = 0x0a

/** A head that comes in pieces, up to where it is complete; and what came with its last piece. */
export class HeldBytes {
  bytes = Buffer.alloc(0)
  size = 0

  /** Takes what there is so far, and only that. */
  keep(bytes: Buffer, from: number, to: number): void {
    if (bytes === this.bytes) this.bytes.copyWithin(0, from, to)
    else {
      this.bytes = Buffer.allocUnsafe(Math.max(FIRST_BYTES, 2 * (to - from)))
      bytes.copy(this.bytes, 0, from, to)
    }
    this.size = to - from
  }

  /** @returns whether it is worth reading again */
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
