/**
 * Map key for a client: equal for equal IPv4 addresses, and for all addresses of one IPv6 /64, the prefix of one
 * subscriber (RFC 6177).
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
 * Map key for the network of a client: equal for all addresses of one IPv6 /48, a prefix that one site can have (RFC
 * 6177). For IPv4 the key is that of the address.
 *
 * @param key  the {@link addressKey} of the client
 */
export function siteKey(key: string): string {
  return key.length === 8 ? key.slice(0, 6) : key
}
