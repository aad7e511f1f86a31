/**
 * Map key for a client: equal for equal IPv4 addresses and within an IPv6 /64, the prefix of one subscriber (RFC 6177).
 *
 * @param address  4 or 16 bytes; an IPv4-mapped address must already be converted to IPv4
 */
export function addressKey(address: Uint8Array): string {
  let key = ''
  const length = address.length === 4 ? 4 : 8
  for (let i = 0; i < length; i++) key += String.fromCharCode(address[i]!)
  return key
}

/**
 * Map key for the network of a client: equal within an IPv6 /48, which one site may hold (RFC 6177), and the address
 * itself for IPv4.
 *
 * @param key  the {@link addressKey} of the client
 */
export function siteKey(key: string): string {
  return key.length === 8 ? key.slice(0, 6) : key
}
