import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import type { PresentedCertificate } from '../../tokens/client-certificates.ts'

/** Syntax of a byte sequence (RFC 8941 §3.3.5), in which RFC 9440 §2 encodes certificates. */
const byteSequence = /^:(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?:$/
const pemBlock = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*/g
const pemCertificate = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/

/** Line feed, which separates the two fields of RFC 9440 in one text. No field value contains a line feed. */
const FIELD_SEPARATOR = '\n'

/** Whether a value is a byte sequence, the form of a certificate in `Client-Cert` (RFC 9440 §2.1). */
export function isByteSequence(value: string): boolean {
  return byteSequence.test(trimOptionalWhitespace(value))
}

/**
 * Joins the values of `Client-Cert` and `Client-Cert-Chain` into one text, the key under which the certificate is
 * cached. {@link readClientCert} reads this text.
 */
export function clientCertText(certificate: string, chain: string | undefined): string {
  return chain === undefined ? certificate : certificate + FIELD_SEPARATOR + chain
}

/**
 * Reads a client certificate from the text of the fields of RFC 9440. @returns `undefined` when their syntax is invalid
 */
export function readClientCert(text: string): PresentedCertificate | undefined {
  const [certificate = '', chain] = text.split(FIELD_SEPARATOR)
  const members = chain === undefined ? [] : chain.split(',')
  if (!isByteSequence(certificate) || !members.every(isByteSequence)) return undefined
  return { der: bytesIn(certificate), chain: members.map(bytesIn) }
}

function bytesIn(member: string): Buffer {
  return Buffer.from(trimOptionalWhitespace(member).slice(1, -1), 'base64')
}

/**
 * Reads a client certificate from the value of `$ssl_client_escaped_cert` of nginx: a certificate in PEM,
 * percent-encoded.
 */
export function readEscapedPem(text: string): PresentedCertificate | undefined {
  const der = derIn(decodeURIComponent(text))
  return der && { der, chain: [] }
}

/** Reads a certificate in PEM, the form in which the listener returns the certificate of a connection. */
export function readPem(text: string): PresentedCertificate | undefined {
  const der = derIn(text)
  return der && { der, chain: [] }
}

// Matches one name-value pair of Envoy's field. Envoy quotes a value that contains a separator, and always quotes
// `Subject`, `Cert` and `Chain`.
const pair = /[\t ]*([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;=\t ]*))[\t ]*([;,]|$)/y
/** Maximum number of name-value pairs in all elements of `X-Forwarded-Client-Cert` together. */
const PAIRS_MAX = 256

/**
 * Reads `X-Forwarded-Client-Cert` in the form of Envoy. Only the last element is used: the nearest proxy wrote it, and
 * a client may have written the earlier elements. The element must have `Cert` (the certificate). `Hash`, `Subject`,
 * `URI` and `DNS` are ignored, because the certificate contains this data.
 */
export function readForwardedClientCert(text: string): PresentedCertificate | undefined {
  let element = new Map<string, string>()
  pair.lastIndex = 0
  for (let pairs = 0; pair.lastIndex < text.length; pairs++) {
    const match = pair.exec(text)
    if (match === null || pairs === PAIRS_MAX) return undefined
    const [, name, quoted, plain, end] = match
    const key = name!.toLowerCase()
    const isCertificate = key === 'cert' || key === 'chain'
    if (isCertificate && element.has(key)) return undefined
    element.set(key, quoted?.replace(/\\(.)/g, '$1') ?? plain!)
    if (pair.lastIndex === text.length) return end === '' ? certificateIn(element) : undefined
    if (end === ',') element = new Map()
  }
  return undefined
}

function certificateIn(element: ReadonlyMap<string, string>): PresentedCertificate | undefined {
  const der = derIn(decodeURIComponent(element.get('cert') ?? ''))
  if (der === undefined) return undefined
  const chain = blocksIn(decodeURIComponent(element.get('chain') ?? ''))
  return { der, chain: chain.filter((each) => !each.equals(der)) }
}

/** Reads a text in PEM: the client certificate, followed by its intermediate CAs. */
export function readPemChain(text: string): PresentedCertificate | undefined {
  const [der, ...chain] = blocksIn(text)
  return der && { der, chain }
}

function blocksIn(text: string): Buffer[] {
  return [...text.matchAll(pemBlock)].map(([, block]) => Buffer.from(block!, 'base64'))
}

function derIn(pem: string): Buffer | undefined {
  const [, block] = pemCertificate.exec(pem) ?? []
  return block === undefined ? undefined : Buffer.from(block, 'base64')
}
