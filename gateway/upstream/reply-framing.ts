import { MalformedReply } from './malformed-reply.ts'

const DIGIT_0 = 0x30

/** Whether a field name of this length can be a field that concerns framing. Most field names have other lengths. */
export function framesReply(nameLength: number): boolean {
  return nameLength === 10 || nameLength === 14 || nameLength === 17
}

/** Framing and connection options of one reply head (RFC 9112 §6.3, §9.3). `begin` starts the next head. */
export class ReplyFraming {
  contentLength: number | undefined
  chunked = false
  /** True when the connection can be reused: HTTP/1.1, and `Connection` is absent or only `keep-alive`. */
  persistent = false
  /** Idle time that the service announced with `Keep-Alive: timeout`, s. */
  keepAliveS: number | undefined

  /**
   * Resets the state for the next head.
   *
   * @param minor  minor version of HTTP, 0 or 1
   */
  begin(minor: number): void {
    this.contentLength = undefined
    this.chunked = false
    this.persistent = minor === 1
    this.keepAliveS = undefined
  }

  /**
   * Reads a field for which {@link framesReply} is true. A field that does not concern framing has no effect.
   *
   * @throws {MalformedReply} for an ambiguous or invalid framing
   */
  read(bytes: Buffer, nameFrom: number, nameTo: number, valueFrom: number, valueTo: number): void {
    switch (nameTo - nameFrom) {
      case 10:
        if (is(bytes, nameFrom, 'connection')) {
          if (valueTo > valueFrom && !isWhole(bytes, valueFrom, valueTo, 'keep-alive')) this.persistent = false
        } else if (is(bytes, nameFrom, 'keep-alive')) {
          this.keepAliveS = readKeepAlive(bytes.toString('latin1', valueFrom, valueTo))
        }
        break
      case 14:
        if (!is(bytes, nameFrom, 'content-length')) break
        if (this.contentLength !== undefined) throw new MalformedReply('the reply has two Content-Length fields')
        this.contentLength = readLength(bytes, valueFrom, valueTo)
        break
      case 17:
        if (!is(bytes, nameFrom, 'transfer-encoding')) break
        if (this.chunked) throw new MalformedReply('the reply has two Transfer-Encoding fields')
        if (!isWhole(bytes, valueFrom, valueTo, 'chunked'))
          throw new MalformedReply('the reply has a transfer coding other than chunked, which the gate does not decode')
        this.chunked = true
        break
    }
  }

  /**
   * Checks the framing of a complete head.
   *
   * @throws {MalformedReply} for contradictory fields
   */
  check(minor: number): void {
    if (!this.chunked) return
    if (this.contentLength !== undefined)
      throw new MalformedReply('the reply has both Content-Length and Transfer-Encoding')
    // RFC 9112 §6.1: HTTP/1.0 has no Transfer-Encoding. Another recipient on the path could delimit this body
    // differently.
    if (minor === 0)
      throw new MalformedReply('the reply in HTTP/1.0 has the field Transfer-Encoding, which needs HTTP/1.1')
  }
}

/**
 * Whether a token equals `lowerCase`, ignoring case.
 *
 * @param lowerCase  text in lower case; must have the length of the token
 */
function is(bytes: Buffer, from: number, lowerCase: string): boolean {
  for (let i = 0; i < lowerCase.length; i++) if ((bytes[from + i]! | 0x20) !== lowerCase.charCodeAt(i)) return false
  return true
}

function isWhole(bytes: Buffer, from: number, to: number, lowerCase: string): boolean {
  return to - from === lowerCase.length && is(bytes, from, lowerCase)
}

/**
 * Parses a Content-Length: 1*DIGIT (RFC 9110 §8.6).
 *
 * @throws {MalformedReply} for an invalid value, and for a value above 2^53, which a number cannot represent exactly
 */
function readLength(bytes: Buffer, from: number, to: number): number {
  let length = 0
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - DIGIT_0
    if (digit < 0 || digit > 9) throw new MalformedReply('the Content-Length of the reply is not a decimal number')
    length = length * 10 + digit
    if (length > Number.MAX_SAFE_INTEGER) throw new MalformedReply('the Content-Length of the reply is above 2^53')
  }
  if (from === to) throw new MalformedReply('the Content-Length of the reply is not a decimal number')
  return length
}

/** Parses a `Keep-Alive` value, by convention `timeout=5, max=100` (RFC 2068 §19.7.1.1). */
function readKeepAlive(value: string): number | undefined {
  const [, digits] = /(?:^|[,\t ])timeout=([0-9]{1,9})(?:$|[,\t ])/i.exec(value) ?? []
  return digits === undefined ? undefined : Number(digits)
}
