import { MalformedReply } from './malformed-reply.ts'
import { FIELDS_MAX, ReplyHead, spans } from './reply-head.ts'

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const COLON = 0x3a
const DIGIT_0 = 0x30

/** A token is 1*tchar (RFC 9110 §5.6.2). */
export const isTokenByte = tableOf((byte) => /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(byte)))

/** What may stand in a value: anything but controls, among which a tab is none (RFC 9110 §5.5). */
export const isTextByte = tableOf((byte) => byte === TAB || (byte >= SPACE && byte !== 0x7f))

function tableOf(accepts: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (accepts(byte) ? 1 : 0))
}

const version = Buffer.from('HTTP/1.')

/** A head that was read, and what it says about its own connection. */
export interface ParsedReply {
  readonly head: ReplyHead
  /** Offset of the first byte behind the head. */
  readonly end: number
  readonly chunked: boolean
  /** The connection may serve another exchange: HTTP/1.1, and `Connection` says nothing but `keep-alive`. */
  readonly persistent: boolean
  /** `Keep-Alive: timeout`, how long the service keeps an idle connection, s. */
  readonly keepAliveS: number | undefined
}

/**
 * Reads the head of a reply in one pass, which is the only guard against response splitting: names must be tokens, values
 * free of controls, lines ended by CR LF, and none folded. Framing by RFC 9112 §6.3, where anything but one plain
 * Content-Length or one Transfer-Encoding of `chunked` alone is malformed.
 *
 * @returns `undefined` while the head is not complete; what there is of it is judged all the same
 * @throws {MalformedReply}
 */
export function parseReply(bytes: Buffer, from: number, to: number): ParsedReply | undefined {
  // Status line: HTTP/1.x SP 3DIGIT [ SP phrase ] (RFC 9112 §4).
  for (let i = 0; i < version.length; i++) {
    if (from + i >= to) return undefined
    if (bytes[from + i] !== version[i]) throw new MalformedReply('no status line of HTTP/1.x')
  }
  let at = from + version.length
  if (at + 5 > to) return undefined
  const minor = bytes[at]! - DIGIT_0
  if (minor !== 0 && minor !== 1) throw new MalformedReply('a version other than HTTP/1.0 and HTTP/1.1')
  const statusFrom = at + 2
  const status = bytes[at + 1] === SPACE ? readStatus(bytes, statusFrom) : -1
  if (status < 100) throw new MalformedReply('no status of three digits')
  at = statusFrom + 3
  if (at < to && bytes[at] !== SPACE && bytes[at] !== CR) throw new MalformedReply('no status of three digits')
  while (at < to && bytes[at] !== CR) {
    if (bytes[at] === LF) throw new MalformedReply('a line feed without a carriage return')
    at++
  }
  const lineEnd = at
  if (!hasLineEnd(bytes, at, to)) return undefined
  at += 2

  let count = 0
  let contentLength: number | undefined
  let chunked = false
  let persistent = minor === 1
  let keepAliveS: number | undefined
  for (;;) {
    if (at >= to) return undefined
    if (bytes[at] === CR) break
    const nameFrom = at
    while (at < to && isTokenByte[bytes[at]!] === 1) at++
    if (at >= to) return undefined
    if (bytes[at] !== COLON || at === nameFrom) throw new MalformedReply('a field name that is no token')
    const nameTo = at++
    while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++
    const valueFrom = at
    while (at < to && isTextByte[bytes[at]!] === 1) at++
    if (at >= to) return undefined
    if (bytes[at] !== CR) throw new MalformedReply('a control character in a field')
    if (!hasLineEnd(bytes, at, to)) return undefined
    let valueTo = at
    while (valueTo > valueFrom && (bytes[valueTo - 1] === SPACE || bytes[valueTo - 1] === TAB)) valueTo--
    at += 2

    if (count === FIELDS_MAX) throw new MalformedReply(`more than ${FIELDS_MAX} fields`)
    spans[count * 4] = nameFrom
    spans[count * 4 + 1] = nameTo
    spans[count * 4 + 2] = valueFrom
    spans[count * 4 + 3] = valueTo
    count++
    switch (nameTo - nameFrom) {
      case 10:
        if (is(bytes, nameFrom, 'connection')) {
          if (valueTo > valueFrom && !isWhole(bytes, valueFrom, valueTo, 'keep-alive')) persistent = false
        } else if (is(bytes, nameFrom, 'keep-alive')) {
          keepAliveS = readKeepAlive(bytes.toString('latin1', valueFrom, valueTo))
        }
        break
      case 14:
        if (!is(bytes, nameFrom, 'content-length')) break
        if (contentLength !== undefined) throw new MalformedReply('two Content-Length')
        contentLength = readLength(bytes, valueFrom, valueTo)
        break
      case 17:
        if (!is(bytes, nameFrom, 'transfer-encoding')) break
        if (chunked) throw new MalformedReply('two Transfer-Encoding')
        if (!isWhole(bytes, valueFrom, valueTo, 'chunked')) throw new MalformedReply('a coding other than chunked')
        chunked = true
        break
    }
  }
  if (!hasLineEnd(bytes, at, to)) return undefined
  if (chunked && contentLength !== undefined) throw new MalformedReply('both Content-Length and Transfer-Encoding')
  // RFC 9112 §6.1: that version knows none, so that somebody on the way reads this body in another way.
  if (chunked && minor === 0) throw new MalformedReply('Transfer-Encoding in HTTP/1.0')
  const head = new ReplyHead(status, contentLength, count, bytes, statusFrom, lineEnd)
  return { head, end: at + 2, chunked, persistent, keepAliveS }
}

/** @param at  of a CR. @returns false when the byte behind it is still to come */
function hasLineEnd(bytes: Buffer, at: number, to: number): boolean {
  if (at + 1 >= to) return false
  if (bytes[at + 1] !== LF) throw new MalformedReply('a carriage return without a line feed')
  return true
}

/** @returns below 100 when there are no three digits, or it is none (RFC 9110 §15) */
function readStatus(bytes: Buffer, from: number): number {
  let status = 0
  for (let i = from; i < from + 3; i++) {
    const digit = bytes[i]! - DIGIT_0
    // What is still to come is no digit either: the caller asks only once there are five bytes.
    if (digit < 0 || digit > 9) return -1
    status = status * 10 + digit
  }
  return status
}

/** Whether a token is this one. @param lowerCase  as long as the token */
function is(bytes: Buffer, from: number, lowerCase: string): boolean {
  for (let i = 0; i < lowerCase.length; i++) if ((bytes[from + i]! | 0x20) !== lowerCase.charCodeAt(i)) return false
  return true
}

function isWhole(bytes: Buffer, from: number, to: number, lowerCase: string): boolean {
  return to - from === lowerCase.length && is(bytes, from, lowerCase)
}

/** RFC 9110 §8.6: 1*DIGIT. @throws {MalformedReply} also beyond 2^53, which nobody can count */
function readLength(bytes: Buffer, from: number, to: number): number {
  let length = 0
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - DIGIT_0
    if (digit < 0 || digit > 9) throw new MalformedReply('a Content-Length that is no number')
    length = length * 10 + digit
    if (length > Number.MAX_SAFE_INTEGER) throw new MalformedReply('a Content-Length beyond 2^53')
  }
  if (from === to) throw new MalformedReply('a Content-Length that is no number')
  return length
}

/** By custom, `timeout=5, max=100` (RFC 2068 §19.7.1.1). */
function readKeepAlive(value: string): number | undefined {
  const [, digits] = /(?:^|[,\t ])timeout=([0-9]{1,9})(?:$|[,\t ])/i.exec(value) ?? []
  return digits === undefined ? undefined : Number(digits)
}
