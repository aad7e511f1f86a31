import { ADDRCONFIG, lookup } from 'node:dns'
import { Resolver, lookup as systemLookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { NameLookup } from '../../base/guarded-lookup.ts'

/** Shortest and longest time for which the addresses from a name server are used, ms, regardless of their TTL. */
const VALID_MIN_MS = 1000
const VALID_MAX_MS = 3_600_000
/** Maximum wait for a reply of one name server, ms. The next server, or the same one, is then asked. */
const REPLY_MS = 2000
/** Number of times that each name server is asked for one lookup. */
const TRIES = 2

/** Result of a successful lookup. */
export interface ResolvedName {
  readonly addresses: readonly string[]
  /** Time for which the addresses are valid (TTL), ms; `undefined`: not known. */
  readonly validMs?: number | undefined
}

/** Looks up names of upstreams. */
export interface NameResolver {
  /**
   * Looks up the addresses of a name.
   *
   * @throws {NodeJS.ErrnoException} as a rejection; with code `ENOTFOUND` or `ENODATA` when the name does not exist or
   *   has no address
   */
  readonly resolve: (name: string) => Promise<ResolvedName>
  /** Looks up the name of an upstream for one connection, while its addresses are not known. */
  readonly lookup: NameLookup
  /** Maximum number of lookups at the same time. */
  readonly lookupsMax: number
}

/**
 * Resolver of the operating system: `/etc/hosts`, search domains and DNS. Does not report the TTL. A lookup blocks a
 * thread of the process until it ends; Node.js gives lookups two of its four threads.
 */
export const systemResolver: NameResolver = { resolve: resolveBySystem, lookup, lookupsMax: 2 }

/** Omits IPv6 addresses if the machine has no IPv6 address, and IPv4 likewise, as each connection by name does. */
async function resolveBySystem(name: string): Promise<ResolvedName> {
  const found = await systemLookup(name, { all: true, order: 'verbatim', hints: ADDRCONFIG })
  return { addresses: found.map(({ address }) => address) }
}

/**
 * Returns the resolver that asks these name servers. Names without a dot, such as `localhost`, are looked up by the
 * operating system.
 *
 * @param servers  addresses, with a port if it is not 53: `10.0.0.2`, `127.0.0.1:8600`, `[::1]:53`; none: the operating
 *   system looks up all names
 */
export function nameResolver(servers: readonly string[]): NameResolver {
  if (servers.length === 0) return systemResolver
  const resolver = new Resolver({ timeout: REPLY_MS, tries: TRIES })
  resolver.setServers(servers)
  const resolve = (name: string): Promise<ResolvedName> =>
    name.includes('.') ? resolveBoth(resolver, name) : resolveBySystem(name)
  const lookupOne: NameLookup = (name, _, callback) => {
    const done = ({ addresses }: ResolvedName): void =>
      callback(
        null,
        addresses.map((address) => ({ address, family: isIP(address) })),
      )
    resolve(name).then(done, (error: NodeJS.ErrnoException) => callback(error, []))
  }
  return { resolve, lookup: lookupOne, lookupsMax: 16 }
}

/**
 * Asks for IPv4 and IPv6 addresses in two queries. If a name server fails for one of the families, the other one is
 * used.
 */
async function resolveBoth(resolver: Resolver, name: string): Promise<ResolvedName> {
  const results = await Promise.allSettled([
    resolver.resolve4(name, { ttl: true }),
    resolver.resolve6(name, { ttl: true }),
  ])
  const found = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
  if (found.length === 0) {
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []))
    // Report the failed query: it explains more than the reply that the other family has no address.
    throw errors.find((error) => !isMissing(error)) ?? errors[0] ?? new Error(`${name} has no address`)
  }
  const ttlMs = Math.min(...found.map(({ ttl }) => ttl)) * 1000
  const validMs = Math.min(Math.max(ttlMs, VALID_MIN_MS), VALID_MAX_MS)
  return { addresses: found.map(({ address }) => address), validMs }
}

/** Whether an error of a lookup means that the name does not exist or has no address. */
export function isMissing({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ENOTFOUND' || code === 'ENODATA'
}
