import { isLinkLocal } from './link-local.ts'

/**
 * Reads a URL that keys may be fetched from, out of the policy or of an issuer's metadata: https, or http to this
 * machine; no user name or password; no link-local address unless allowed.
 *
 * @throws {Error} saying what is wrong with the URL
 */
export function readIssuerUrl(text: string, allowLinkLocal: boolean): URL {
  const url = URL.parse(text)
  if (url === null) throw new Error(`not an absolute URL: ${JSON.stringify(text.slice(0, 200))}`)
  if (url.username !== '' || url.password !== '') throw new Error(`a URL of ${url.host} has a user name or password`)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(host))) {
    throw new Error(`neither https nor http to a loopback address: ${url.origin}`)
  }
  if (!allowLinkLocal && isLinkLocal(host)) throw new Error(`link-local: ${url.origin}`)
  return url
}

/** RFC 1122 §3.2.1.3, RFC 4291 §2.5.3, RFC 6761 §6.3. The URL parser has made the host canonical. */
function isLoopback(host: string): boolean {
  return /^127(\.\d+){3}$/.test(host) || host === '::1' || host === 'localhost' || host.endsWith('.localhost')
}
