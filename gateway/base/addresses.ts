/**
 * IP addresses as bytes: 4 for IPv4, 16 for IPv6, in network order. An IPv4-mapped IPv6 address (`::ffff:a.b.c.d`, RFC
 * 4291 §2.5.5.2) is the same client as the IPv4 address. An IPv4-mapped address is converted to IPv4 ("folded") before
 * any comparison.
 */

const octet = /^(?:0|[1-9][0-9]{0,2})$/
const group = /^[0-9a-fA-F]{1,4}$/

/**
 * Parses an address strictly: no leading zeros (some parsers read them as octal), no short or hexadecimal IPv4, no
 * zone, no brackets.
 *
 * @returns 4 or 16 bytes; an IPv4-mapped address is not converted to IPv4. `undefined` for an invalid address
 */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.', 5)
  if (parts.length !== 4 || !parts.every((part) => octet.test(part) && Number(part) <= 255)) return undefined
  return Uint8Array.from(parts, Number)
}

/**
 * Parses the text form of an IPv6 address (RFC 4291 §2.2): eight groups. One run of zero groups can be written as `::`,
 * and the last two groups as an IPv4 address.
 */
function parseIpv6(text: string): Uint8Array | undefined {
  if (text.length > 45) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves
  const before = head === '' ? [] : readGroups(head!, tail === undefined)
  const after = tail === undefined || tail === '' ? [] : readGroups(tail, true)
  if (before === undefined || after === undefined) return undefined
  const missing = 16 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined
  return Uint8Array.from([...before, ...new Array<number>(missing).fill(0), ...after])
}

function readGroups(text: string, last: boolean): number[] | undefined {
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [i, digits] of groups.entries()) {
    if (group.test(digits)) {
      const value = Number.parseInt(digits, 16)
      bytes.push(value >> 8, value & 0xff)
      continue
    }
    const embedded = last && i === groups.length - 1 ? parseIpv4(digits) : undefined
    if (embedded === undefined) return undefined
    bytes.push(...embedded)
  }
  return bytes
}

/** Converts an IPv4-mapped IPv6 address to IPv4. Returns any other address itself, without a copy. */
export function foldMapped(bytes: Uint8Array): Uint8Array {
  return isMapped(bytes) ? bytes.subarray(12) : bytes
}

function isMapped(bytes: Uint8Array): boolean {
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return false
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false
  return true
}

/**
 * Canonical text of an IP address (RFC 5952 §4): lower case, no leading zeros, the longest run of two or more zero
 * groups as `::`. An IPv4-mapped address is written as IPv4, so that each client has one text.
 */
export function formatAddress(address: Uint8Array): string {
  const bytes = foldMapped(address)
  if (bytes.length === 4) return bytes.join('.')
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16))
  const { start, length } = longestZeroRun(groups)
  if (length < 2) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let i = 0; i < groups.length; i++) {
    let end = i
    while (groups[end] === '0') end++
    if (end - i > best.length) best = { start: i, length: end - i }
    if (end > i) i = end
  }
  return best
}

/** Placeholder for an unknown client address: 0.0.0.0, which no client has (RFC 1122 §3.2.1.3). */
export const unknownAddress: Uint8Array = new Uint8Array(4)

/** @param address  IPv4-mapped addresses must already be converted to IPv4 */
export function isUnknownAddress(address: Uint8Array): boolean {
  return address[0] === 0 && address.every((byte) => byte === 0)
}

/** Whether an address is in 127.0.0.0/8 or equals ::1, IPv4-mapped addresses included. */
export function isLoopback(address: Uint8Array): boolean {
  const bytes = foldMapped(address)
  if (bytes.length === 4) return bytes[0] === 127
  return bytes[15] === 1 && bytes.every((byte, i) => byte === 0 || i === 15)
}
