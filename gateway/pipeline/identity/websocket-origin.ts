import { denial } from '../../base/denial.ts'
import type { Exchange } from '../exchange/exchange.ts'

export const originRefused = denial('origin-refused')

/**
 * Whether a page of this origin may open a WebSocket: the origin of the requested host, or one that the route lists.
 * The route must list the origins of other hosts in `public_url` too.
 */
export function isAllowedOrigin(x: Exchange, origins: ReadonlySet<string>, origin: string): boolean {
  return origins.has(origin) || origin === requestedOrigin(x)
}

function requestedOrigin({ gate, authority, proto }: Exchange): string | undefined {
  const listed = gate.publicUrls.originOf(authority)
  if (listed !== undefined) return listed
  return URL.parse(`${proto}://${authority}`)?.origin
}
