import { createHash, X509Certificate } from 'node:crypto'
import { DerReader, derTags, readExtensions, serialText } from './der.ts'
import { noNames, readSubjectNames, type SubjectNames } from './subject-names.ts'

/** A certificate that a client presented, parsed once. */
export interface CallerCertificate {
  readonly x509: X509Certificate
  /** SHA-256 of the certificate in base64url: `x5t#S256` of tokens that are bound to it (RFC 8705 §3.1). */
  readonly thumbprint: string
  /** SHA-256 of the certificate in upper-case hexadecimal digits. */
  readonly fingerprint: string
  readonly serial: string
  /** Start and end of the validity of the certificate, ms since the epoch. */
  readonly validFromMs: number
  readonly validUntilMs: number
  /** Subject alternative names; `undefined` when a name is invalid. The common name is never used (RFC 9525 §2). */
  readonly names: SubjectNames | undefined
  /** Whether the certificate may identify a client: not a CA, and no extended key usage that excludes clients. */
  readonly forClients: boolean
  /** Certificates of CAs that were presented with this one. Not yet verified. */
  readonly intermediates: readonly X509Certificate[]
}

/**
 * Maximum size of a certificate that is parsed, bytes in DER. A certificate with an RSA key of 4,096 bits has about
 * 2,000.
 */
export const CERTIFICATE_MAX_BYTES = 16 * 1024
/** Maximum number of intermediate CAs that are read together with a client certificate. */
const INTERMEDIATES_MAX = 4

const subjectAltName = '551d11'
const clientAuth = '1.3.6.1.5.5.7.3.2'
const anyUsage = '2.5.29.37.0'

/**
 * Parses a client certificate. Verifies nothing.
 *
 * @param chain  certificates of intermediate CAs in DER; only the first 4 are read
 * @throws {Error} when the bytes are not a certificate
 */
export function parseCallerCertificate(der: Buffer, chain: readonly Buffer[] = []): CallerCertificate {
  const x509 = parseDer(der)
  const { serial, subjectNames } = partsOf(der)
  const usages = x509.keyUsage as readonly string[] | undefined
  return {
    x509,
    thumbprint: createHash('sha256').update(der).digest('base64url'),
    fingerprint: x509.fingerprint256.replaceAll(':', ''),
    serial,
    validFromMs: x509.validFromDate.getTime(),
    validUntilMs: x509.validToDate.getTime(),
    names: subjectNames,
    forClients: !x509.ca && (usages === undefined || usages.includes(clientAuth) || usages.includes(anyUsage)),
    intermediates: chain.slice(0, INTERMEDIATES_MAX).map(parseDer),
  }
}

function parseDer(der: Buffer): X509Certificate {
  if (der.length > CERTIFICATE_MAX_BYTES) throw new Error('the client certificate is larger than 16 KiB')
  // Reject bytes after the certificate: node:crypto ignores them, but they would change the thumbprint of the same
  // certificate.
  const reader = new DerReader(der)
  reader.next(derTags.sequence)
  if (!reader.done) throw new Error('the client certificate is followed by other bytes')
  return new X509Certificate(der)
}

/** Reads the parts of a certificate that node:crypto does not give byte for byte (RFC 5280 §4.1). */
function partsOf(der: Buffer): { readonly serial: string; readonly subjectNames: SubjectNames | undefined } {
  const body = bodyOf(der)
  const serial = serialText(body.next(derTags.integer))
  // Skip signature, issuer, validity, subject and subjectPublicKeyInfo, to reach the extensions.
  for (let i = 0; i < 5; i++) body.next(derTags.sequence)
  body.optional(0x81)
  body.optional(0x82)
  const extensions = body.optional(0xa3)
  if (extensions === undefined) return { serial, subjectNames: noNames }
  return { serial, subjectNames: namesOf(new DerReader(extensions.content).next(derTags.sequence).content) }
}

function namesOf(extensions: Buffer): SubjectNames | undefined {
  const found = readExtensions(extensions).find(({ id }) => id === subjectAltName)
  if (found === undefined) return noNames
  try {
    return readSubjectNames(found.value)
  } catch {
    return undefined
  }
}

/** Returns a reader of the `TBSCertificate` of a certificate, positioned at its serial number. */
function bodyOf(der: Buffer): DerReader {
  const outer = new DerReader(new DerReader(der).next(derTags.sequence).content)
  const body = new DerReader(outer.next(derTags.sequence).content)
  body.optional(0xa0)
  return body
}

/** Returns the serial number of a certificate, in the form by which revocation lists are searched. */
export function serialOf({ raw }: X509Certificate): string {
  return serialText(bodyOf(raw).next(derTags.integer))
}

/** Returns the subject of a certificate in DER, for the comparison with the issuer of a revocation list. */
export function subjectOf({ raw }: X509Certificate): Buffer {
  const body = bodyOf(raw)
  body.next(derTags.integer)
  // Skip the fields signature, issuer and validity.
  for (let i = 0; i < 3; i++) body.next(derTags.sequence)
  return body.next(derTags.sequence).whole
}
