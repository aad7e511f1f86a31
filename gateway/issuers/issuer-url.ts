import { isLinkLocal } from '../base/link-local.ts'
import { isPrivate } from '../config/web-url.ts'

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
  if (!(url.protocol === 'https:' || url.protocol === 'http:') || !isPrivate(url)) {
    throw new Error(`neither https nor http to a loopback address: ${url.origin}`)
  }
  if (!allowLinkLocal && isLinkLocal(url.hostname.replace(/^\[|\]$/g, ''))) throw new Error(`link-local: ${url.origin}`)
  return url
}
