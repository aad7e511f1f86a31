import { forbiddenAddressKind, isForbiddenHost } from '../base/forbidden-address.ts'
import { isLoopbackHost, isPrivate } from '../config/web-url.ts'

/**
 * Parses a URL of an issuer: https, or http to a loopback address. A URL with a user name or password is rejected, as
 * is a link-local or cloud metadata address.
 *
 * @throws {Error} that names the error in the URL
 */
export function readIssuerUrl(text: string): URL {
  const url = URL.parse(text)
  if (url === null) throw new Error(`not an absolute URL: ${JSON.stringify(text.slice(0, 200))}`)
  if (url.username !== '' || url.password !== '')
    throw new Error(`the URL of ${url.host} contains a user name or password`)
  if (!(url.protocol === 'https:' || url.protocol === 'http:') || !isPrivate(url)) {
    throw new Error(`${url.origin} is neither https nor http to a loopback address`)
  }
  if (isForbiddenHost(url.hostname.replace(/^\[|\]$/g, ''))) throw new Error(`${url.origin}: ${forbiddenAddressKind}`)
  return url
}

/**
 * Parses a URL from an issuer's metadata. The issuer controls its metadata, so plain http to loopback is accepted only
 * from an issuer on loopback. Any other issuer could direct the gate's requests to programs on this machine (CWE-918).
 *
 * @param member  name of the metadata member, for messages
 * @param issuer  issuer identifier
 * @param remedy  end of the message: what an operator can do instead of correcting the metadata
 * @throws {Error} that names member, issuer and remedy
 */
export function readMetadataUrl(text: string, member: string, issuer: string, remedy = ''): URL {
  const place = `${member} in the metadata of ${issuer}`
  let url: URL
  try {
    url = readIssuerUrl(text)
  } catch (error) {
    throw new Error(`${place}: ${(error as Error).message}`)
  }
  if (url.protocol === 'https:' || isLoopbackHost(new URL(issuer))) return url
  throw new Error(
    `${place} is ${url.origin}: http to a loopback address is accepted only if the issuer itself has a loopback address; ` +
      `let the issuer publish an https URL${remedy}`,
  )
}
