import { isLoopback, parseAddress } from '../base/addresses.ts'
import { isForbiddenAddress } from '../base/forbidden-address.ts'
import { Unfit } from './parsed.ts'

/** Longer than any URL that an operator writes. */
const maxLength = 2048

/**
 * Reads an absolute http or https URL without user, password, query or fragment, and whose host is no link-local or cloud
 * metadata address: there clouds serve the credentials of the instance (CWE-918). Messages never quote the URL: it may
 * hold a password.
 */
export function readWebUrl(text: string): URL | Unfit | undefined {
  // Blanks and backslashes: the URL parser would mend them, and the mended URL is not what was read and reviewed.
  const url = text.length <= maxLength && /^[\x21-\x5b\x5d-\x7e]+$/.test(text) ? URL.parse(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined
  if (!/^https?:\/\/[^/]/i.test(text)) return undefined
  if (/^https?:\/\/[^/?#]*@/i.test(text)) return new Unfit('must not hold a user or password')
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text)) return new Unfit('must not have a query or a fragment')
  const address = hostAddress(url)
  if (address !== undefined && isForbiddenAddress(address)) {
    return new Unfit('must not be a link-local or cloud metadata address, where clouds serve instance credentials')
  }
  return url
}

/** The same, without a path: `http://orders-1:8080`. */
export function readOrigin(text: string): URL | Unfit | undefined {
  const url = readWebUrl(text)
  if (!(url instanceof URL) || url.pathname === '/') return url
  return new Unfit('must not have a path: routes forward the whole path of the request')
}

/** Whether what is sent there can be read on the way: https, or http that stays on this machine. */
export function isPrivate(url: URL): boolean {
  return url.protocol === 'https:' || isLoopbackHost(url)
}

export function isLoopbackHost(url: URL): boolean {
  const address = hostAddress(url)
  if (address !== undefined) return isLoopback(address)
  return url.hostname === 'localhost' || url.hostname.endsWith('.localhost')
}

/** The host as an address; `undefined` for a name. The URL parser has brought `0xa9fea9fe` and the like to dots. */
function hostAddress(url: URL): Uint8Array | undefined {
  return parseAddress(url.hostname.replace(/^\[|\]$/g, ''))
}
