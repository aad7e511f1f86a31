import { isLoopback, parseAddress } from '../base/addresses.ts'
import { isForbiddenAddress } from '../base/forbidden-address.ts'
import { InvalidText } from './text-schemas.ts'

/** Maximum length of a URL in the settings, characters. */
const maxLength = 2048

/**
 * Parses an absolute http or https URL. It must have no user, password, query or fragment. Its host must not be a
 * link-local or cloud metadata address, because clouds serve credentials of the machine there (CWE-918). Error messages
 * never quote the URL, because it can contain a password.
 */
export function readWebUrl(text: string): URL | InvalidText | undefined {
  // Reject blanks and backslashes in a configured URL. The URL parser would change them, so that the gate would use
  // another URL than the text that a person reviewed.
  const url = text.length <= maxLength && /^[\x21-\x5b\x5d-\x7e]+$/.test(text) ? URL.parse(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined
  if (!/^https?:\/\/[^/]/i.test(text)) return undefined
  if (/^https?:\/\/[^/?#]*@/i.test(text)) return new InvalidText('must not contain a user or password')
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text))
    return new InvalidText('must not have a query or a fragment')
  const address = hostAddress(url)
  if (address !== undefined && isForbiddenAddress(address)) {
    return new InvalidText(
      'must not be a link-local or cloud metadata address, where clouds serve instance credentials',
    )
  }
  return url
}

/** Parses a URL by the rules of `readWebUrl`, and rejects a path. Valid example: `http://orders-1:8080`. */
export function readOrigin(text: string): URL | InvalidText | undefined {
  const url = readWebUrl(text)
  if (!(url instanceof URL) || url.pathname === '/') return url
  return new InvalidText('must not have a path: routes forward the whole path of the request')
}

/** Whether a connection to the configured URL is protected from eavesdropping: https, or http to this machine. */
export function isPrivate(url: URL): boolean {
  return url.protocol === 'https:' || isLoopbackHost(url)
}

export function isLoopbackHost(url: URL): boolean {
  const address = hostAddress(url)
  if (address !== undefined) return isLoopback(address)
  return url.hostname === 'localhost' || url.hostname.endsWith('.localhost')
}

/**
 * Returns the host of the URL as an IP address; `undefined` for a host name. The URL parser has already normalized
 * forms such as `0xa9fea9fe`.
 */
function hostAddress(url: URL): Uint8Array | undefined {
  return parseAddress(url.hostname.replace(/^\[|\]$/g, ''))
}
