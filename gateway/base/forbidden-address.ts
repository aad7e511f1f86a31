import { BlockSet, parseBlock } from './address-blocks.ts'
import { foldMapped, parseAddress } from './addresses.ts'

/**
 * Addresses to which the gate never connects: all link-local addresses (RFC 3927, RFC 4291 §2.5.6), and other addresses
 * at which clouds serve credentials and metadata of an instance. No service or issuer uses these addresses.
 */
const forbidden = new BlockSet(
  [
    '169.254.0.0/16',
    'fe80::/10',
    // Metadata address of Alibaba Cloud.
    '100.100.100.200',
    // Metadata address of Oracle Cloud.
    '192.0.0.192',
    // Metadata address of Azure (WireServer).
    '168.63.129.16',
    // Metadata address of Amazon EC2, IPv6.
    'fd00:ec2::254',
    // Metadata address of Google Cloud, IPv6.
    'fd20:ce::254',
  ].map((text) => parseBlock(text)!),
)

/**
 * NAT64 prefix 64:ff9b::/96: the last four bytes are the IPv4 address that the translator connects to (RFC 6052 §2.1).
 */
const translatorPrefix = parseAddress('64:ff9b::')!.subarray(0, 12)

/** Description of a forbidden address, for error messages. */
export const forbiddenAddressKind = 'a link-local or cloud metadata address, to which the gate never connects'

/** Whether an address is link-local or a cloud's metadata address, also in IPv4-mapped or NAT64 form. */
export function isForbiddenAddress(address: Uint8Array): boolean {
  const translated = address.length === 16 && translatorPrefix.every((byte, i) => address[i] === byte)
  return forbidden.holds(foldMapped(translated ? address.subarray(12) : address))
}

/**
 * Like `isForbiddenAddress`, for the text of an address. False for a host name: the addresses of a host name are
 * checked when a connection opens.
 */
export function isForbiddenHost(text: string): boolean {
  const address = parseAddress(text)
  return address !== undefined && isForbiddenAddress(address)
}
