import { MalformedReply } from './malformed-reply.ts'
import { isTextByte, isTokenByte } from './reply-parser.ts'

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SEMICOLON = 0x3b

/** Maximum number of hexadecimal digits of a chunk size: 2^53 has 14, and two more leave room for leading zeros. */
const DIGITS_MAX = 16
const EXTENSION_MAX_BYTES = 1024
const TRAILERS_MAX_BYTES = 16 * 1024

const Expect = {
  sizeStart: 0,
  size: 1,
  extension: 2,
  sizeLf: 3,
  data: 4,
  dataCr: 5,
  dataLf: 6,
  trailerStart: 7,
  trailerName: 8,
  trailerValue: 9,
  trailerLf: 10,
  lastLf: 11,
  nothing: 12,
} as const
type Expect = (typeof Expect)[keyof typeof Expect]

/**
 * Incremental decoder of the chunked transfer coding (RFC 9112 §7.1). Compacts the data in place, so that all data of
 * one read is one contiguous slice. Validates chunk extensions and trailers, then discards them.
 */
export class ChunkedBody {
  #expect: Expect = Expect.sizeStart
  /**
   * While a chunk size is parsed: the size so far. Afterwards: number of bytes of the chunk that have not arrived yet.
   */
  #left = 0
  #digits = 0
  #extensionBytes = 0
  #trailerBytes = 0
  /** Start offset of the data of the last `decode` call; `dataTo` is its end. */
  dataFrom = 0
  dataTo = 0

  /** True once the last chunk and its trailers have been read. */
  get complete(): boolean {
    return this.#expect === Expect.nothing
  }

  /**
   * Decodes `bytes` from `from` to `to` and sets `dataFrom` and `dataTo` to the decoded data.
   *
   * @returns offset of the first unread byte: `to`, or less when the chunked body ends before `to`
   * @throws {MalformedReply} when the bytes violate RFC 9112 §7.1 or exceed a size limit
   */
  decode(bytes: Buffer, from: number, to: number): number {
    this.dataFrom = from
    this.dataTo = from
    let at = from
    while (at < to && this.#expect !== Expect.nothing) {
      if (this.#expect === Expect.data) at = this.#take(bytes, at, to)
      else this.#step(bytes[at++]!)
    }
    return at
  }

  #take(bytes: Buffer, at: number, to: number): number {
    const end = Math.min(to, at + this.#left)
    if (this.dataFrom === this.dataTo) this.dataFrom = this.dataTo = at
    else bytes.copyWithin(this.dataTo, at, end)
    this.dataTo += end - at
    this.#left -= end - at
    if (this.#left === 0) this.#expect = Expect.dataCr
    return end
  }

  #step(byte: number): void {
    switch (this.#expect) {
      case Expect.sizeStart:
      case Expect.size:
        this.#readSize(byte)
        return
      case Expect.extension:
        if (byte === CR) this.#expect = Expect.sizeLf
        else if (isTextByte[byte] !== 1)
          throw new MalformedReply('a chunk extension of the reply body contains a control character')
        else if (++this.#extensionBytes > EXTENSION_MAX_BYTES)
          throw new MalformedReply(
            `the chunk extensions of the reply body are longer than ${EXTENSION_MAX_BYTES} bytes`,
          )
        return
      case Expect.sizeLf:
        mustBe(byte, LF)
        this.#expect = this.#left === 0 ? Expect.trailerStart : Expect.data
        return
      case Expect.dataCr:
        mustBe(byte, CR)
        this.#expect = Expect.dataLf
        return
      case Expect.dataLf:
        mustBe(byte, LF)
        this.#expect = Expect.sizeStart
        this.#digits = 0
        this.#extensionBytes = 0
        return
      default:
        this.#readTrailer(byte)
    }
  }

  #readSize(byte: number): void {
    const digit = hexDigit(byte)
    if (digit >= 0) {
      this.#left = this.#left * 16 + digit
      if (++this.#digits > DIGITS_MAX || this.#left > Number.MAX_SAFE_INTEGER) {
        throw new MalformedReply('a chunk size of the reply body is above 2^53')
      }
      this.#expect = Expect.size
    } else if (this.#expect === Expect.size && byte === CR) this.#expect = Expect.sizeLf
    else if (this.#expect === Expect.size && byte === SEMICOLON) this.#expect = Expect.extension
    else throw new MalformedReply('a chunk size of the reply body is not a hexadecimal number')
  }

  #readTrailer(byte: number): void {
    if (++this.#trailerBytes > TRAILERS_MAX_BYTES)
      throw new MalformedReply(`the trailer section of the reply is longer than ${TRAILERS_MAX_BYTES} bytes`)
    switch (this.#expect) {
      case Expect.trailerStart:
        if (byte === CR) this.#expect = Expect.lastLf
        else if (isTokenByte[byte] === 1) this.#expect = Expect.trailerName
        else throw new MalformedReply('a trailer of the reply has an invalid field name')
        return
      case Expect.trailerName:
        if (byte === COLON) this.#expect = Expect.trailerValue
        else if (isTokenByte[byte] !== 1) throw new MalformedReply('a trailer of the reply has an invalid field name')
        return
      case Expect.trailerValue:
        if (byte === CR) this.#expect = Expect.trailerLf
        else if (isTextByte[byte] !== 1) throw new MalformedReply('a trailer of the reply contains a control character')
        return
      case Expect.trailerLf:
        mustBe(byte, LF)
        this.#expect = Expect.trailerStart
        return
      default:
        mustBe(byte, LF)
        this.#expect = Expect.nothing
    }
  }
}

function mustBe(byte: number, expected: number): void {
  if (byte !== expected) throw new MalformedReply('the reply body has no CRLF after a chunk, a chunk size or a trailer')
}

/** Returns the value of a hexadecimal digit, 0 to 15; -1 when the byte is not a hexadecimal digit. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
