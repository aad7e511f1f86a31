/**
 * Tags of DER elements (X.690 §8.1.2) that certificates and revocation lists use: universal and context-specific tags.
 */
export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const

/** One element of a DER encoding. `whole` is the element with its tag and length, `content` its value. */
export interface DerElement {
  readonly tag: number
  readonly whole: Buffer
  readonly content: Buffer
}

/**
 * Maximum number of bytes that encode the length of an element. 4 bytes can express 4 GiB, more than any file that is
 * read.
 */
const LENGTH_BYTES_MAX = 4

/**
 * Reads the elements of a DER encoding (X.690 §10) one after another. Copies nothing. Each element ends within the
 * bytes that contain it, so the reader never reads further than the input.
 *
 * @throws {Error} for an indefinite or overlong length, a tag of several bytes, and an element that does not fit
 */
export class DerReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  /** Tag of the next element; `undefined` at the end. */
  get tag(): number | undefined {
    return this.#bytes[this.#at]
  }

  /** Reads the next element. @param tag  expected tag; `undefined` accepts every tag */
  next(tag?: number): DerElement {
    const bytes = this.#bytes
    const start = this.#at
    const found = bytes[start]
    const short = bytes[start + 1]
    if (found === undefined || short === undefined || (found & 0x1f) === 0x1f) throw invalid()
    if (tag !== undefined && found !== tag) throw invalid()
    let from = start + 2
    let length = short
    if (short >= 0x80) {
      const count = short & 0x7f
      if (count === 0 || count > LENGTH_BYTES_MAX || from + count > bytes.length) throw invalid()
      length = bytes.readUIntBE(from, count)
      // DER allows only the shortest form of a length (X.690 §10.1).
      if (length < 0x80 || bytes[from] === 0) throw invalid()
      from += count
    }
    const end = from + length
    if (end > bytes.length) throw invalid()
    this.#at = end
    return { tag: found, whole: bytes.subarray(start, end), content: bytes.subarray(from, end) }
  }

  /** Reads the next element if it has this tag; else returns `undefined` and reads nothing. */
  optional(tag: number): DerElement | undefined {
    return this.tag === tag ? this.next(tag) : undefined
  }
}

/**
 * Returns the text of a serial number: its hexadecimal digits without leading zero bytes. Equal numbers have equal
 * texts.
 */
export function serialText({ content }: DerElement): string {
  let at = 0
  while (at < content.length - 1 && content[at] === 0) at++
  return content.toString('hex', at)
}

/** Reads a `UTCTime` or `GeneralizedTime` in the forms that RFC 5280 §4.1.2.5 allows. Returns ms since the epoch. */
export function derTime({ tag, content }: DerElement): number {
  const text = content.toString('latin1')
  const [, years, rest] =
    (tag === derTags.utcTime
      ? /^(\d{2})(\d{10})Z$/
      : tag === derTags.generalizedTime
        ? /^(\d{4})(\d{10})Z$/
        : /^$/
    ).exec(text) ?? []
  if (years === undefined || rest === undefined) throw invalid()
  // In `UTCTime`, a year of two digits below 50 is a year from 2000 on (RFC 5280 §4.1.2.5.1).
  const year = years.length === 4 ? years : `${Number(years) < 50 ? '20' : '19'}${years}`
  const [month, day, hour, minute, second] = rest.match(/../g)!
  const timeMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (Number.isNaN(timeMs)) throw invalid()
  return timeMs
}

/** An extension of a certificate or revocation list (RFC 5280 §4.2). `id` is its object identifier in hexadecimal. */
export interface DerExtension {
  readonly id: string
  readonly critical: boolean
  readonly value: Buffer
}

/** Reads the content of an `Extensions` sequence. @throws {Error} when an extension occurs twice (RFC 5280 §4.2) */
export function readExtensions(sequence: Buffer): DerExtension[] {
  const found: DerExtension[] = []
  const list = new DerReader(sequence)
  while (!list.done) {
    const one = new DerReader(list.next(derTags.sequence).content)
    const id = one.next(derTags.objectId).content.toString('hex')
    const critical = one.optional(derTags.boolean)?.content[0] === 0xff
    const value = one.next(derTags.octetString).content
    if (found.some((other) => other.id === id)) throw invalid()
    found.push({ id, critical, value })
  }
  return found
}

function invalid(): Error {
  return new Error('invalid DER encoding (X.690): the data is no certificate or revocation list, or is damaged')
}
