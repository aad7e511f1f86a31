import { denial } from '../../base/denial.ts'
import type { Exchange } from '../exchange/exchange.ts'

export const originRefused = denial('origin-refused')

/**
 * Whether a page of this origin may open a WebSocket: a page of the requested host, or of an origin that the route
 * lists. An entry in `public_url` is not enough: the route must list the origin of every other host.
 */
export function isAllowedOrigin(x: Exchange, origins: ReadonlySet<string>, origin: string): boolean {
  return origins.has(origin) || origin === requestedOrigin(x)
}

function requestedOrigin({ gate, authority, proto }: Exchange): string | undefined {
  const listed = gate.publicUrls.originOf(authority)
  if (listed !== undefined) return listed
  return URL.parse(`${proto}://${authority}`)?.origin
}
