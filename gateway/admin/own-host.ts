import type { IncomingHttpHeaders } from 'node:http'

/**
 * Whether the field Host of a call is a name of the admin listener: a loopback name or a listed name. Prevents DNS
 * rebinding, where a page of another site calls a loopback address under the host name of the site.
 *
 * @param listed  host names in lower case
 */
export function isOwnHost(field: string, listed: ReadonlySet<string>): boolean {
  const name = field.replace(/:\d*$/, '').toLowerCase()
  if (name === 'localhost' || name === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(name)) return true
  return listed.has(name) || listed.has(field.toLowerCase())
}

/**
 * Whether a web page of another origin sent the call. Browsers send `Origin` with every call that can change state
 * (Fetch §3.1).
 */
export function isOfOtherOrigin({ origin, host }: IncomingHttpHeaders): boolean {
  return origin !== undefined && URL.parse(origin)?.host !== host
}
