import { nodeHttp } from '../base/node-http.ts'

const { STATUS_CODES } = nodeHttp

/** Maximum number of header fields that are accepted in a reply. */
export const FIELDS_MAX = 1024

/**
 * Positions of the header fields of the reply head that is being processed. Each field has four offsets: start and end
 * of the name, start and end of the value. The process needs only one array, because each head is parsed and forwarded
 * within one turn of the event loop.
 */
export const spans = new Uint32Array(FIELDS_MAX * 4)

const CR = 0x0d
const LF = 0x0a

/**
 * The head of a service's reply, in the bytes that arrived. The bytes are validated: names are tokens, and values have
 * no control characters except tab. `lines` moves the remaining fields over the removed ones, so that all fields are
 * sent from one buffer.
 */
export class ReplyHead {
  readonly status: number
  /**
   * Announced body length, bytes; `undefined` when the body is chunked, ends with the connection or is not announced.
   */
  readonly contentLength: number | undefined
  readonly fieldCount: number
  readonly #bytes: Buffer
  /** Offset of the three status digits; `#lineEnd` is the end of the status line. */
  readonly #from: number
  readonly #lineEnd: number
  /** True when the next read overwrites the bytes of the head, so that `lines()` must return a copy. */
  fleeting = false
  /** True when the head is the whole reply: with HTTP/2, its frame has END_STREAM. */
  isEnd = false

  /** Creates a head. `spans` must contain the positions of its `fieldCount` fields. */
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
   * Builds a head from its parts.
   *
   * @param fields  alternating name and value, valid on the wire; at most `FIELDS_MAX` pairs
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

  /**
   * Builds a head from text. Trims no value.
   *
   * @param fields  alternating name and value, Latin-1, valid on the wire; at most `FIELDS_MAX` pairs
   */
  static ofText(
    status: number,
    phrase: string,
    fields: readonly string[],
    contentLength: number | undefined,
  ): ReplyHead {
    let text = `${status} ${phrase}`
    const lineEnd = text.length
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!
      const value = fields[i + 1]!
      mark(i / 2, text.length + 2, name.length, value.length)
      text += `\r\n${name}: ${value}`
    }
    return new ReplyHead(status, contentLength, fields.length / 2, Buffer.from(text, 'latin1'), 0, lineEnd)
  }

  /**
   * Returns the length of a field name, bytes. Methods with a field index must not be called after `onHead` returns.
   */
  nameLength(index: number): number {
    return spans[index * 4 + 1]! - spans[index * 4]!
  }

  /**
   * Whether a field name equals or starts with `lowerCase`, ignoring case.
   *
   * @param lowerCase  lower-case letters, digits and `-` only
   */
  nameStartsWith(index: number, lowerCase: string): boolean {
    const from = spans[index * 4]!
    // Setting bit 0x20 turns upper-case letters into lower-case letters, and no other token character into a letter,
    // digit or `-`.
    for (let i = 0; i < lowerCase.length; i++) {
      if ((this.#bytes[from + i]! | 0x20) !== lowerCase.charCodeAt(i)) return false
    }
    return true
  }

  /** Returns the name of a field, in lower case. */
  name(index: number): string {
    return this.#bytes.toString('latin1', spans[index * 4]!, spans[index * 4 + 1]!).toLowerCase()
  }

  /**
   * Whether a value equals or starts with `lowerCase`, ignoring case.
   *
   * @param lowerCase  lower-case letters, `-` and `/` only
   */
  valueStartsWith(index: number, lowerCase: string): boolean {
    const from = spans[index * 4 + 2]!
    if (spans[index * 4 + 3]! - from < lowerCase.length) return false
    for (let i = 0; i < lowerCase.length; i++) {
      if ((this.#bytes[from + i]! | 0x20) !== lowerCase.charCodeAt(i)) return false
    }
    return true
  }

  /** Returns the value of a field, Latin-1, without surrounding whitespace. */
  value(index: number): string {
    return this.#bytes.toString('latin1', spans[index * 4 + 2]!, spans[index * 4 + 3]!)
  }

  /**
   * Replaces the value of a field by a value that is not longer.
   *
   * @param value  new value, Latin-1
   */
  shorten(index: number, value: string): void {
    const from = spans[index * 4 + 2]!
    spans[index * 4 + 3] = from + this.#bytes.write(value, from, 'latin1')
  }

  /** Removes a field from the head. */
  drop(index: number): void {
    spans[index * 4 + 3] = 0
  }

  /**
   * Returns the remaining fields as alternating names, in lower case, and values, Latin-1. Call this method instead of
   * `lines`, before `onHead` returns.
   */
  fields(): string[] {
    const fields: string[] = []
    for (let i = 0; i < this.fieldCount; i++) {
      if (spans[i * 4 + 3] !== 0) fields.push(this.name(i), this.value(i))
    }
    return fields
  }

  /**
   * Returns the status line without the HTTP version, then the remaining fields, each preceded by CR LF. No CR LF
   * follows the last field. Call this method once, before `onHead` returns.
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

  /**
   * Whether the reason phrase consists of visible ASCII. The service can send any byte except a line end. Other phrases
   * are replaced, because people and logs see them.
   */
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

/**
 * Stores the positions of one field in `spans`.
 *
 * @returns offset of the end of the field
 */
function mark(index: number, from: number, nameLength: number, valueLength: number): number {
  const valueFrom = from + nameLength + colon.length
  spans[index * 4] = from
  spans[index * 4 + 1] = from + nameLength
  spans[index * 4 + 2] = valueFrom
  spans[index * 4 + 3] = valueFrom + valueLength
  return valueFrom + valueLength
}
