import type { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { foldMapped, parseAddress } from '../base/addresses.ts'

export type NameLookup = typeof systemLookup

/** `64:ff9b::/96` (RFC 6052): an IPv4 address behind a translator. */
const translated = [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
/** The metadata service of Amazon EC2 by IPv6, `fd00:ec2::254`: unique local by form, link-local by use. */
const instanceMetadata = parseAddress('fd00:ec2::254')!

/**
 * Whether an IP address is link-local (RFC 3927, RFC 4291 §2.5.6), however it is written. Clouds keep the credentials
 * of a machine there, and no issuer. Text that is no address is not.
 */
export function isLinkLocal(address: string): boolean {
  const parsed = parseAddress(address)
  if (parsed === undefined) return false
  const bytes = translated.every((byte, i) => parsed[i] === byte) ? parsed.subarray(12) : foldMapped(parsed)
  if (bytes.length === 4) return bytes[0] === 169 && bytes[1] === 254
  return (bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80) || instanceMetadata.every((byte, i) => bytes[i] === byte)
}

/**
 * Makes the name look-up of a connection, which fails when a name has a link-local address. Asked at each connect: a
 * name that was fine when the policy was read may point elsewhere later.
 */
export function lookupBeyondLink(lookup: NameLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const refused = addresses.find(({ address }) => isLinkLocal(address))
      if (refused !== undefined) return callback(new Error(`${hostname} is link-local: ${refused.address}`), [])
      if (options.all === true) return callback(null, addresses)
      callback(null, addresses[0]!.address, addresses[0]!.family)
    })
  }
}
