const INTEGER = 0x02
const SEQUENCE = 0x30
/** Smallest length that DER encodes with a preceding byte (X.690 §8.1.3.5). */
const LONG_FORM = 0x80

/**
 * Converts an ECDSA signature from the JOSE form to the ASN.1 DER form, which OpenSSL reads (RFC 3279 §2.2.3). In the
 * JOSE form, both numbers, r and s, have the byte length of the curve (RFC 7518 §3.4). The DER form of a signature is
 * unique.
 *
 * @param raw  signature in the JOSE form; an even number of bytes, at most 2 × 66
 */
export function ecdsaToDer(raw: Uint8Array): Buffer {
  const half = raw.length / 2
  const r = integerStart(raw, 0, half)
  const s = integerStart(raw, half, raw.length)
  const rBytes = integerBytes(raw, r, half)
  const sBytes = integerBytes(raw, s, raw.length)
  const content = 2 + rBytes + 2 + sBytes
  const long = content >= LONG_FORM
  const der = Buffer.alloc((long ? 3 : 2) + content)
  der[0] = SEQUENCE
  if (long) der[1] = LONG_FORM + 1
  const at = long ? 2 : 1
  der[at] = content
  putInteger(der, at + 1, raw, r, half, rBytes)
  putInteger(der, at + 3 + rBytes, raw, s, raw.length, sBytes)
  return der
}

/**
 * Converts an ECDSA signature from DER to the JOSE form. The input is not validated: it must be output of OpenSSL, for
 * a curve of at most 32 bytes.
 *
 * @param half  length of each number in the JOSE form, bytes
 */
export function ecdsaFromDer(der: Uint8Array, half: number): Buffer {
  const raw = Buffer.alloc(2 * half)
  const rEnd = 4 + der[3]!
  const rStart = integerStart(der, 4, rEnd)
  const sStart = integerStart(der, rEnd + 2, der.length)
  raw.set(der.subarray(rStart, rEnd), half - (rEnd - rStart))
  raw.set(der.subarray(sStart), raw.length - (der.length - sStart))
  return raw
}

/**
 * Returns the offset of the first non-zero byte of the number between `start` and `end`; offset of the last byte when
 * all bytes are zero.
 */
function integerStart(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end - 1 && bytes[at] === 0) at++
  return at
}

/**
 * Returns the length of a number in DER, bytes. A number whose first bit is set gets a leading zero byte, because ASN.1
 * would read the number as negative.
 */
function integerBytes(bytes: Uint8Array, start: number, end: number): number {
  return end - start + (bytes[start]! >= 0x80 ? 1 : 0)
}

function putInteger(der: Buffer, at: number, raw: Uint8Array, start: number, end: number, bytes: number): void {
  der[at] = INTEGER
  der[at + 1] = bytes
  der.set(raw.subarray(start, end), at + 2 + bytes - (end - start))
}
