/**
 * One text for each IPv4 address and each IPv6 /64, which is what one subscriber is given (RFC 6177).
 *
 * @param address  4 or 16 bytes, folded
 */
export function addressKey(address: Uint8Array): string {
  let key = ''
  const length = address.length === 4 ? 4 : 8
  for (let i = 0; i < length; i++) key += String.fromCharCode(address[i]!)
  return key
}
