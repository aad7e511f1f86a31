import { MalformedReply } from './malformed-reply.ts'
import { framesReply, ReplyFraming } from './reply-framing.ts'
import { FIELDS_MAX, ReplyHead, spans } from './reply-head.ts'

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const COLON = 0x3a
const DIGIT_0 = 0x30

/** Table of the bytes that may occur in a token: 1*tchar (RFC 9110 §5.6.2). */
export const isTokenByte = tableOf((byte) => /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(byte)))

/**
 * Table of the bytes that a field value can contain: every byte except control characters; tab is allowed (RFC 9110
 * §5.5).
 */
export const isTextByte = tableOf((byte) => byte === TAB || (byte >= SPACE && byte !== 0x7f))

function tableOf(accepts: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (accepts(byte) ? 1 : 0))
}

const version = Buffer.from('HTTP/1.')
const VERSION_BYTES = version.length
/** Parser of the framing fields, reused for every head: each head is parsed within one turn of the event loop. */
const framing = new ReplyFraming()

/** A parsed reply head and its connection options. */
export interface ParsedReply {
  readonly head: ReplyHead
  /** Offset of the first byte behind the reply head. */
  readonly end: number
  readonly chunked: boolean
  /** True when the connection can be reused: HTTP/1.1, and `Connection` is absent or only `keep-alive`. */
  readonly persistent: boolean
  /** Idle time that the service announced with `Keep-Alive: timeout`, s. */
  readonly keepAliveS: number | undefined
}

/**
 * Parses and validates the head of a reply in one pass. This validation is the only guard against response splitting:
 * names are tokens, values have no control characters, lines end with CR LF, and folded lines are rejected. The framing
 * follows RFC 9112 §6.3. More than one `Content-Length`, or a `Transfer-Encoding` other than a single `chunked`, is
 * malformed.
 *
 * @returns `undefined` while the head is incomplete; the bytes that have arrived are validated nevertheless
 * @throws {MalformedReply} when the head violates these rules
 */
export function parseReply(bytes: Buffer, from: number, to: number): ParsedReply | undefined {
  const lineEnd = readStatusLine(bytes, from, to)
  if (lineEnd < 0) return undefined
  const minor = bytes[from + VERSION_BYTES]! - DIGIT_0
  framing.begin(minor)
  let at = lineEnd + 2
  let count = 0
  for (;;) {
    if (at >= to) return undefined
    if (bytes[at] === CR) break
    const nameFrom = at
    while (at < to && isTokenByte[bytes[at]!] === 1) at++
    if (at >= to) return undefined
    if (bytes[at] !== COLON || at === nameFrom) throw new MalformedReply('a field name of the reply is invalid')
    const nameTo = at++
    while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++
    const valueFrom = at
    while (at < to && isTextByte[bytes[at]!] === 1) at++
    if (at >= to) return undefined
    if (bytes[at] !== CR) throw new MalformedReply('a field of the reply head contains a control character')
    if (!hasLineEnd(bytes, at, to)) return undefined
    let valueTo = at
    while (valueTo > valueFrom && (bytes[valueTo - 1] === SPACE || bytes[valueTo - 1] === TAB)) valueTo--
    at += 2

    if (count === FIELDS_MAX) throw new MalformedReply(`the reply head has more than ${FIELDS_MAX} fields`)
    spans[count * 4] = nameFrom
    spans[count * 4 + 1] = nameTo
    spans[count * 4 + 2] = valueFrom
    spans[count * 4 + 3] = valueTo
    count++
    if (framesReply(nameTo - nameFrom)) framing.read(bytes, nameFrom, nameTo, valueFrom, valueTo)
  }
  if (!hasLineEnd(bytes, at, to)) return undefined
  framing.check(minor)
  const { contentLength, chunked, persistent, keepAliveS } = framing
  const statusFrom = from + VERSION_BYTES + 2
  const head = new ReplyHead(readStatus(bytes, statusFrom), contentLength, count, bytes, statusFrom, lineEnd)
  return { head, end: at + 2, chunked, persistent, keepAliveS }
}

/**
 * Validates the status line: HTTP/1.x SP 3DIGIT [ SP phrase ] (RFC 9112 §4).
 *
 * @returns offset of the CR that ends the line; -1 while the line is incomplete
 */
function readStatusLine(bytes: Buffer, from: number, to: number): number {
  for (let i = 0; i < VERSION_BYTES; i++) {
    if (from + i >= to) return -1
    if (bytes[from + i] !== version[i])
      throw new MalformedReply('the reply does not begin with the status line of HTTP/1.0 or HTTP/1.1')
  }
  let at = from + VERSION_BYTES
  if (at + 5 > to) return -1
  const minor = bytes[at]! - DIGIT_0
  if (minor !== 0 && minor !== 1)
    throw new MalformedReply('the HTTP version in the status line of the reply is neither 1.0 nor 1.1')
  if (bytes[at + 1] !== SPACE || readStatus(bytes, at + 2) < 100)
    throw new MalformedReply('the status in the status line of the reply is not a number from 100 to 999')
  at += 5
  if (at < to && bytes[at] !== SPACE && bytes[at] !== CR)
    throw new MalformedReply('the status in the status line of the reply is not a number from 100 to 999')
  while (at < to && bytes[at] !== CR) {
    if (bytes[at] === LF)
      throw new MalformedReply('the status line of the reply contains a line feed without a carriage return')
    at++
  }
  return hasLineEnd(bytes, at, to) ? at : -1
}

/**
 * Whether a line feed follows a CR.
 *
 * @param at  offset of the CR
 * @returns false when the byte behind the CR has not arrived
 * @throws {MalformedReply} when another byte follows the CR
 */
function hasLineEnd(bytes: Buffer, at: number, to: number): boolean {
  if (at + 1 >= to) return false
  if (bytes[at + 1] !== LF) throw new MalformedReply('the reply head contains a carriage return without a line feed')
  return true
}

/**
 * Parses the three digits of a status.
 *
 * @returns a value below 100 when the three bytes are not digits or not a valid status (RFC 9110 §15)
 */
function readStatus(bytes: Buffer, from: number): number {
  let status = 0
  for (let i = from; i < from + 3; i++) {
    const digit = bytes[i]! - DIGIT_0
    // Do not check the length here: the caller parses the status only after its three bytes have arrived.
    if (digit < 0 || digit > 9) return -1
    status = status * 10 + digit
  }
  return status
}
