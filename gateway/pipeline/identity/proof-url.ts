import { normalizePath } from '../../policy/path-form.ts'
import type { Exchange } from '../exchange/exchange.ts'

/**
 * Whether the URL of a DPoP proof (`htu`) equals the URL of the request, ignoring query and fragment (RFC 9449 §4.3).
 * The URL of the request consists of a public URL of the gate and the path. A `Host` that is not listed, or a host that
 * an unlisted proxy states, has no effect. Both URLs are compared in normal form (RFC 3986 §6.2.2, §6.2.3).
 */
export function isRequestUrl({ gate, authority, path }: Exchange, htu: string): boolean {
  const expected = gate.publicUrls.forHost(authority) + path
  if (htu === expected) return true
  const url = URL.parse(htu)
  if (url === null || url.username !== '' || url.password !== '') return false
  const normal = normalizePath(url.pathname)
  return typeof normal === 'string' && url.origin + normal === expected
}
