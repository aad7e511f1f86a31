/** The bytes are not a valid protobuf message, or the gate does not accept the message. */
export class MalformedMessage extends Error {}

/**
 * Wire types of protobuf: how the value of a field is encoded
 * (https://protobuf.dev/programming-guides/encoding/#structure).
 */
const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/**
 * Maximum length of a varint (protobuf's encoding of an integer) that is a key or a length, bytes. The C++ parser of
 * protobuf has the same limit.
 */
const SHORT_VARINT_MAX = 5
/** Maximum length of a varint (protobuf's encoding of an integer) that is the value of a field, bytes. */
const VARINT_MAX = 10

/**
 * Reads protobuf messages field by field, without a schema. The same reader reads a message and the messages inside it:
 * `enter` and `leave` change where the current message ends, and the reader never reads beyond this end. Groups, which
 * proto3 does not have, are refused. Only texts are copied.
 *
 * Every method throws {@link MalformedMessage} for invalid bytes.
 */
export class ProtobufReader {
  readonly #bytes: Buffer
  #at: number
  #end: number
  #type = 0

  constructor(bytes: Buffer, start = 0) {
    this.#bytes = bytes
    this.#at = start
    this.#end = bytes.length
  }

  /** Reads the key of the next protobuf field. @returns number of the field; 0 at the end of the message */
  next(): number {
    if (this.#at === this.#end) return 0
    const key = this.#shortVarint()
    this.#type = key & 7
    const field = Math.floor(key / 8)
    if (field === 0) throw new MalformedMessage('the protobuf message has a field with the invalid number 0')
    return field
  }

  /**
   * Begins to read the value of the current protobuf field as an inner message.
   *
   * @returns the end of the outer message, to pass to {@link leave}
   */
  enter(): number {
    const length = this.#length()
    const outer = this.#end
    this.#end = this.#at + length
    return outer
  }

  /** Continues to read the outer protobuf message. Call this when the inner message has been read to its end. */
  leave(outer: number): void {
    this.#end = outer
  }

  /** Reads the value of the current protobuf field as text. Bytes that are no UTF-8 become U+FFFD. */
  text(): string {
    const length = this.#length()
    const start = this.#at
    this.#at += length
    return this.#bytes.toString('utf8', start, this.#at)
  }

  /** Skips the value of the current protobuf field. */
  skip(): void {
    switch (this.#type) {
      case WireType.varint:
        this.#skipVarint()
        return
      case WireType.fixed64:
        this.#advance(8)
        return
      case WireType.bytes:
        this.#advance(this.#length())
        return
      case WireType.fixed32:
        this.#advance(4)
        return
      default:
        throw new MalformedMessage(`a protobuf field has the unsupported wire type ${this.#type}`)
    }
  }

  /** Reads the length of the current protobuf field. Its wire type must be `bytes`. */
  #length(): number {
    if (this.#type !== WireType.bytes)
      throw new MalformedMessage(`a protobuf text or message has wire type ${this.#type}; expected 2`)
    const length = this.#shortVarint()
    if (length > this.#end - this.#at) throw new MalformedMessage('a protobuf field is longer than its message')
    return length
  }

  #advance(bytes: number): void {
    if (bytes > this.#end - this.#at) throw new MalformedMessage('a protobuf field is longer than its message')
    this.#at += bytes
  }

  /** Reads a varint (protobuf's encoding of an integer) of at most 32 bits. */
  #shortVarint(): number {
    let value = 0
    for (let i = 0; i < SHORT_VARINT_MAX; i++) {
      const byte = this.#byte()
      // Multiply the bytes of a varint instead of shifting: in JavaScript a shift could make the number negative.
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte >= 0x80) continue
      if (value > 0xffff_ffff) throw new MalformedMessage('a protobuf key or length has more than 32 bits')
      return value
    }
    throw new MalformedMessage('a protobuf varint has too many bytes')
  }

  #skipVarint(): void {
    for (let i = 0; i < VARINT_MAX; i++) if (this.#byte() < 0x80) return
    throw new MalformedMessage('a protobuf varint has too many bytes')
  }

  #byte(): number {
    if (this.#at === this.#end) throw new MalformedMessage('the protobuf message ends within a field')
    return this.#bytes[this.#at++]!
  }
}
