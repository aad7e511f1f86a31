import { STATUS_CODES } from 'node:http'

/** Fields of a reply that are read at most. */
export const FIELDS_MAX = 1024

/**
 * Where the fields of the head that is being read lie, four offsets each: start and end of the name, start and end of the
 * value. One for the process: heads are read and passed on one after the other, within one turn.
 */
export const spans = new Uint32Array(FIELDS_MAX * 4)

const CR = 0x0d
const LF = 0x0a

/**
 * The head of a service's reply on its way to the client: the very bytes that came in, checked (names are tokens, values
 * have no controls but tab). Kept lines are moved over dropped ones, and all of it goes out in one piece.
 */
export class ReplyHead {
  readonly status: number
  /** Bytes of the body as announced; `undefined` when it is chunked, ends with the connection, or says nothing. */
  readonly contentLength: number | undefined
  readonly fieldCount: number
  readonly #bytes: Buffer
  /** The three digits of the status, and the end of its line. */
  readonly #from: number
  readonly #lineEnd: number
  /** Its bytes are overwritten by the next read, and what follows it is not in this one. */
  fleeting = false

  /** Takes over what `spans` says of `fieldCount` fields. */
  constructor(
    status: number,
    contentLength: number | undefined,
    fieldCount: number,
    bytes: Buffer,
    from: number,
    lineEnd: number,
  ) {
    this.status = status
    this.contentLength = contentLength
    this.fieldCount = fieldCount
    this.#bytes = bytes
    this.#from = from
    this.#lineEnd = lineEnd
  }

  /**
   * A head out of its parts.
   *
   * @param fields  name and value alternate, checked as above; at most `FIELDS_MAX` of them
   */
  static of(status: number, text: string, fields: readonly Buffer[], contentLength: number | undefined): ReplyHead {
    const parts: Buffer[] = [Buffer.from(`${status} ${text}`, 'latin1')]
    const lineEnd = parts[0]!.length
    let at = lineEnd
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!
      const value = fields[i + 1]!
      parts.push(lineBreak, name, colon, value)
      at = mark(i / 2, at + 2, name.length, value.length)
    }
    return new ReplyHead(status, contentLength, fields.length / 2, Buffer.concat(parts), 0, lineEnd)
  }

  /** Only until `onHead` returns, as all that has an index. */
  nameLength(index: number): number {
    return spans[index * 4 + 1]! - spans[index * 4]!
  }

  /** Whether the name is this, or begins with it. @param lowerCase  letters, digits and `-` */
  nameStartsWith(index: number, lowerCase: string): boolean {
    const from = spans[index * 4]!
    // Of the characters of a token, only upper-case letters become these with that bit.
    for (let i = 0; i < lowerCase.length; i++) {
      if ((this.#bytes[from + i]! | 0x20) !== lowerCase.charCodeAt(i)) return false
    }
    return true
  }

  /** In lower case. */
  name(index: number): string {
    return this.#bytes.toString('latin1', spans[index * 4]!, spans[index * 4 + 1]!).toLowerCase()
  }

  /** Without white space around it, in Latin-1. */
  value(index: number): string {
    return this.#bytes.toString('latin1', spans[index * 4 + 2]!, spans[index * 4 + 3]!)
  }

  /** Replaces the value by one that is not longer. @param value  in Latin-1 */
  shorten(index: number, value: string): void {
    const from = spans[index * 4 + 2]!
    spans[index * 4 + 3] = from + this.#bytes.write(value, from, 'latin1')
  }

  /** Takes a field out. */
  drop(index: number): void {
    spans[index * 4 + 3] = 0
  }

  /**
   * Status line from its digits on, and the fields that were not dropped behind it, each after CR LF; no line end behind
   * the last. To be asked for once, before `onHead` returns.
   */
  lines(): Buffer {
    const bytes = this.#bytes
    let end = this.#lineEnd
    for (let at = 0; at < this.fieldCount * 4; at += 4) {
      const from = spans[at]!
      const to = spans[at + 3]!
      if (to === 0) continue
      bytes[end] = CR
      bytes[end + 1] = LF
      end += 2
      if (from !== end) bytes.copyWithin(end, from, to)
      end += to - from
    }
    if (!this.#hasPlainPhrase()) return this.#withStandardPhrase(end)
    const view = bytes.subarray(this.#from, end)
    return this.fleeting ? Buffer.from(view) : view
  }

  /** Any byte but a line end may stand in a reason phrase; what people and logs are shown is visible ASCII. */
  #hasPlainPhrase(): boolean {
    const from = this.#from + 4
    if (from >= this.#lineEnd) return false
    for (let i = from; i < this.#lineEnd; i++) {
      const byte = this.#bytes[i]!
      if ((byte < 0x20 && byte !== 0x09) || byte > 0x7e) return false
    }
    return true
  }

  #withStandardPhrase(end: number): Buffer {
    const line = Buffer.from(`${this.status} ${STATUS_CODES[this.status] ?? ''}`)
    return Buffer.concat([line, this.#bytes.subarray(this.#lineEnd, end)])
  }
}

const lineBreak = Buffer.from('\r\n')
const colon = Buffer.from(': ')

/** @returns where the field ends */
function mark(index: number, from: number, nameLength: number, valueLength: number): number {
  const valueFrom = from + nameLength + colon.length
  spans[index * 4] = from
  spans[index * 4 + 1] = from + nameLength
  spans[index * 4 + 2] = valueFrom
  spans[index * 4 + 3] = valueFrom + valueLength
  return valueFrom + valueLength
}
