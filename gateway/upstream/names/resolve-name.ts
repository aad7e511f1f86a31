import { ADDRCONFIG } from 'node:dns'
import { lookup } from 'node:dns/promises'

/** Result of a lookup. */
export interface ResolvedName {
  readonly addresses: readonly string[]
  /** Time for which the addresses are valid (TTL), ms; `undefined`: not known. */
  readonly validMs?: number | undefined
}

/**
 * Looks up the addresses of a name.
 *
 * @throws {NodeJS.ErrnoException} as a rejection; with code `ENOTFOUND` when the name does not exist or has no address
 */
export type ResolveName = (name: string) => Promise<ResolvedName>

/**
 * Asks the resolver of the operating system, as each connection by name does: `/etc/hosts`, search domains and DNS. The
 * resolver does not report the TTL. Omits IPv6 addresses if the machine has no IPv6 address, and IPv4 likewise.
 */
export async function resolveBySystem(name: string): Promise<ResolvedName> {
  const found = await lookup(name, { all: true, order: 'verbatim', hints: ADDRCONFIG })
  return { addresses: found.map(({ address }) => address) }
}
