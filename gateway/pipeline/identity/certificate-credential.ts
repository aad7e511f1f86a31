import { type Denial, denial } from '../../base/denial.ts'
import type { CertificateReason } from '../../base/reasons.ts'
import type { TokenFacts } from '../../oauth/token-facts.ts'
import type { CertificateCondition } from '../../policy/snapshot.ts'
import { certificateDenials } from '../client-certificate/certificate-denials.ts'
import type { Exchange } from '../exchange/exchange.ts'

export const certificateNotAllowed = denial('certificate-not-allowed')

/**
 * Checks the client certificate of an exchange again, by the clock of the exchange: it may have expired, and the trusted
 * CAs and revocation lists may have changed, since `check-certificate`.
 */
export function certificateVerdict(x: Exchange): Denial<CertificateReason> | undefined {
  const { clientCertificate, handshake, peerTrusted, nowMs } = x
  if (clientCertificate === undefined) return undefined
  const refused = x.gate.clientCertificates!.check(clientCertificate, nowMs, peerTrusted ? undefined : handshake?.trust)
  return refused && certificateDenials[refused]
}

/**
 * Facts about a caller whose only credential is a client certificate. Denies 403 for a certificate without an identity:
 * without a subject alternative name, with two URIs, or with a SPIFFE ID that its CA may not issue.
 */
export function certificateFacts(x: Exchange): TokenFacts | Denial<CertificateReason | 'certificate-not-allowed'> {
  const refused = certificateVerdict(x)
  if (refused !== undefined) return refused
  return x.gate.clientCertificates!.factsOf(x.clientCertificate!) ?? certificateNotAllowed
}

/**
 * Whether the requirement of the route accepts the caller's client certificate as credential: the certificate must
 * match one of the certificate conditions outside `not`. Without this check, a requirement such as `not: { scopes }`
 * would admit every certificate.
 */
export function isAdmittedCertificate({ certificate }: Exchange, conditions: readonly CertificateCondition[]): boolean {
  if (certificate === undefined) return false
  for (const condition of conditions) if (condition.matches(certificate)) return true
  return false
}
