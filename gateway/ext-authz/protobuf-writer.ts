/** Wire types of protobuf: a number, and bytes that follow their length. */
const VARINT = 0
const BYTES = 2

/**
 * Returns the size of a number that is encoded as a protobuf varint, bytes.
 *
 * @param value  integer, 0 to 2^31 - 1
 */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = value >>> 7; rest !== 0; rest >>>= 7) size++
  return size
}

/**
 * Returns the size of a protobuf field that contains bytes: key, length and content. The number of the field must be at
 * most 15, so that its key is one byte.
 *
 * @param length  number of bytes of the content
 */
export function bytesFieldSize(length: number): number {
  return 1 + varintSize(length) + length
}

/**
 * Writes a protobuf message of known size. The caller must compute the sizes of all messages first, because the length
 * of a message precedes its content. Field numbers are at most 15.
 */
export class ProtobufWriter {
  readonly bytes: Buffer
  #at: number

  /** @param start  number of bytes to leave free before the message */
  constructor(size: number, start = 0) {
    this.bytes = Buffer.allocUnsafe(start + size)
    this.#at = start
  }

  /** Writes the key and the length of a protobuf message or text. */
  beginBytes(field: number, length: number): void {
    this.#varint(field * 8 + BYTES)
    this.#varint(length)
  }

  text(field: number, text: string, length: number): void {
    this.beginBytes(field, length)
    this.#at += this.bytes.write(text, this.#at, 'utf8')
  }

  number(field: number, value: number): void {
    this.#varint(field * 8 + VARINT)
    this.#varint(value)
  }

  /** Whether the written protobuf message has the size that the constructor was given. */
  get isComplete(): boolean {
    return this.#at === this.bytes.length
  }

  #varint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.bytes[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.bytes[this.#at++] = rest
  }
}
