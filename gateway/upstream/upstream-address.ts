import { lookup } from 'node:dns'
import type { TcpNetConnectOpts } from 'node:net'
import { guardedLookup } from '../base/guarded-lookup.ts'

/** Address of an upstream, as its connections use it. Names that resolve to link-local addresses are refused. */
export function upstreamAddress({ protocol, hostname, port }: URL): TcpNetConnectOpts {
  return {
    // Removes the brackets that a URL puts around an IPv6 address.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port !== '' ? Number(port) : protocol === 'https:' ? 443 : 80,
    lookup: guardedLookup(lookup) as TcpNetConnectOpts['lookup'],
  }
}
