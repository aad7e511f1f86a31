import { trustDomainOf } from './spiffe-id.ts'
import type { SubjectNames } from './subject-names.ts'

/** Identity of a caller that presents a client certificate. Issuer and subject together identify one caller. */
export interface CertificateIdentity {
  /** `spiffe://TRUST_DOMAIN`, or `x509:NAME` with the name of the CA in `tls.client.ca`. Never equal to a token's `iss`. */
  readonly issuer: string
  readonly subject: string
  /** All subject alternative names of the certificate. */
  readonly names: ReadonlySet<string>
}

/** The parts of a CA in `tls.client.ca` from which the identity of a caller is built. */
export interface NamedCa {
  readonly name: string
  /** Trust domain for which this CA may issue SPIFFE IDs; `undefined`: no SPIFFE IDs. */
  readonly trustDomain: string | undefined
}

export function spiffeIssuer(trustDomain: string): string {
  return `spiffe://${trustDomain}`
}

export function caIssuer(name: string): string {
  return `x509:${name}`
}

/**
 * Whether an issuer identifier stands for a CA or a SPIFFE trust domain of client certificates. Identifiers of token
 * issuers are http or https URLs.
 */
export function isCertificateIssuer(issuer: string): boolean {
  return issuer.startsWith('spiffe://') || issuer.startsWith('x509:')
}

/**
 * Returns the identity that a verified certificate proves; `undefined` for none.
 *
 * A certificate may have at most one URI (X509-SVID §2). If there is one, this URI is the subject. From a CA with a
 * trust domain, a SPIFFE ID of another domain proves no identity. From a CA without a trust domain, a SPIFFE ID is an
 * ordinary URI. Without a URI, the first DNS name is the subject, else the first e-mail address, else the first IP
 * address.
 */
export function identityOfNames(names: SubjectNames, { name, trustDomain }: NamedCa): CertificateIdentity | undefined {
  const { uris, dns, emails, addresses } = names
  if (uris.length > 1) return undefined
  const [uri] = uris
  const subject = uri ?? dns[0] ?? emails[0] ?? addresses[0]
  if (subject === undefined) return undefined
  const all: ReadonlySet<string> = new Set([...uris, ...dns, ...emails, ...addresses])
  if (uri === undefined || trustDomain === undefined || !/^spiffe:/i.test(uri)) {
    return { issuer: caIssuer(name), subject, names: all }
  }
  return trustDomainOf(uri) === trustDomain ? { issuer: spiffeIssuer(trustDomain), subject, names: all } : undefined
}
