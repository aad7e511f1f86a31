const INTEGER = 0x02
const SEQUENCE = 0x30
/** A length from here on takes a byte of its own before it (X.690 §8.1.3.5). */
const LONG_FORM = 0x80

/**
 * An ECDSA signature of JOSE, both numbers in as many bytes as the curve has (RFC 7518 §3.4), as the ASN.1 structure that
 * OpenSSL reads (RFC 3279 §2.2.3). Every signature has exactly one such form.
 *
 * @param raw  of even length, at most 2 × 66 bytes
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
 * The way back, of what OpenSSL has made for a curve of at most 32 bytes; nothing is checked.
 *
 * @param half  bytes of each number
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

/** Where the number that ends at `end` has its first byte that is not zero, or its last. */
function integerStart(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end - 1 && bytes[at] === 0) at++
  return at
}

/** A number whose first bit is set gets a byte in front, or else it would be negative. */
function integerBytes(bytes: Uint8Array, start: number, end: number): number {
  return end - start + (bytes[start]! >= 0x80 ? 1 : 0)
}

function putInteger(der: Buffer, at: number, raw: Uint8Array, start: number, end: number, bytes: number): void {
  der[at] = INTEGER
  der[at + 1] = bytes
  der.set(raw.subarray(start, end), at + 2 + bytes - (end - start))
}
