import { isLinkLocal as isLinkLocalAddress, parseAddress } from './addresses.ts'

/** An address as a resolver gives it. */
export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** As `lookup` of `node:dns` is called for all addresses of a name. */
export type NameLookup = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: ResolvedAddress[]) => void,
) => void

/** As `net.connect` wants its `lookup`. */
export type ConnectLookup = (
  hostname: string,
  options: { readonly all?: boolean | undefined },
  callback: (error: NodeJS.ErrnoException | null, address: string | ResolvedAddress[], family?: number) => void,
) => void

/** As for addresses, of text as a resolver or URL has it. A name is not link-local: what it resolves to is judged later. */
export function isLinkLocal(text: string): boolean {
  const address = parseAddress(text)
  return address !== undefined && isLinkLocalAddress(address)
}

/**
 * Makes the name look-up of a connection, which fails when a name has a link-local address: clouds keep the credentials of
 * a machine there. Asked at each connect, since a name that was fine when it was configured may point elsewhere later.
 */
export function lookupBeyondLink(lookup: NameLookup): ConnectLookup {
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
