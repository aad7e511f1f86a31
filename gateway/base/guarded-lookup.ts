import { parseAddress } from './addresses.ts'
import { forbiddenAddressKind, isForbiddenAddress } from './forbidden-address.ts'

/** One result of a DNS lookup. */
export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** Signature of `dns.lookup` when it returns all addresses of a name. */
export type NameLookup = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: ResolvedAddress[]) => void,
) => void

/** Signature of `lookup` in the options of `net.connect`. */
export type ConnectLookup = (
  hostname: string,
  options: { readonly all?: boolean | undefined },
  callback: (error: NodeJS.ErrnoException | null, address: string | ResolvedAddress[], family?: number) => void,
) => void

/**
 * Wraps a DNS lookup so that the lookup fails when a name resolves to a forbidden address. The connection uses exactly
 * the addresses that were checked. The check runs at each connect, because a DNS record may change after configuration
 * (DNS rebinding).
 */
export function guardedLookup(lookup: NameLookup): ConnectLookup {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const refused = refusalOf(
        hostname,
        addresses.map(({ address }) => address),
      )
      if (refused !== undefined) return callback(refused, [])
      if (options.all === true) return callback(null, addresses)
      callback(null, addresses[0]!.address, addresses[0]!.family)
    })
  }
}

/**
 * Returns the error for a name that resolves to an address to which the gate never connects; `undefined` when all
 * addresses are allowed. A text that is no address is refused too.
 */
export function refusalOf(hostname: string, addresses: readonly string[]): Error | undefined {
  const refused = addresses.find((text) => {
    const address = parseAddress(text)
    return address === undefined || isForbiddenAddress(address)
  })
  if (refused === undefined) return undefined
  return new Error(`${hostname} resolves to ${refused}, ${forbiddenAddressKind}: correct the DNS record or the URL`)
}
