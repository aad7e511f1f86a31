import { lookup as systemLookup } from 'node:dns'
import type { TcpNetConnectOpts } from 'node:net'
import { guardedLookup, type NameLookup } from '../base/guarded-lookup.ts'

/** Returns the host name or the address of an upstream, without the brackets that a URL puts around an IPv6 address. */
export function upstreamHost({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

/**
 * Address of an upstream, as its connections use it. Names that resolve to link-local addresses are refused.
 *
 * @param peer    address to which the name of the upstream resolves; default: each connection looks the name up
 * @param lookup  looks up the name; default: the operating system
 */
export function upstreamAddress(origin: URL, peer?: string, lookup: NameLookup = systemLookup): TcpNetConnectOpts {
  const { protocol, port } = origin
  return {
    host: peer ?? upstreamHost(origin),
    port: port !== '' ? Number(port) : protocol === 'https:' ? 443 : 80,
    lookup: guardedLookup(lookup) as TcpNetConnectOpts['lookup'],
  }
}
