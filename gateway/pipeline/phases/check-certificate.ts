import { denial } from '../../base/denial.ts'
import { type CertificateReason, certificateReasons } from '../../base/reasons.ts'
import type { ClientCertificates } from '../../tokens/client-certificates.ts'
import type { KnownCertificate } from '../../tokens/known-certificate.ts'
import { certificateDenials } from '../client-certificate/certificate-denials.ts'
import { readPem } from '../client-certificate/presented-certificate.ts'
import { statedCertificate, validateForwardedCertificate } from '../client-certificate/stated-certificate.ts'
import type { Resolved } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import type { Verdict } from '../exchange/steps.ts'
import { certificateVerdict } from '../identity/certificate-credential.ts'

const certificateMalformed = denial('certificate-malformed')
const certificateMissing = denial('certificate-missing')

type CertificateVerdict = Verdict<'certificate-malformed' | 'certificate-missing' | CertificateReason, never>

/**
 * Finds the certificate of the client, and checks it for this request: a certificate may expire, be revoked or lose its
 * CA while its connection is open, and a resumed TLS session is not verified again. Behind a trusted proxy, the
 * certificate of the client is the one that the proxy states, and the connection has the certificate of the proxy; both
 * are checked.
 *
 * Denies 400 for an invalid field of a trusted proxy. Denies 403 when the listener requires a certificate and the
 * connection has none, and for a certificate that is not trusted, not valid now or revoked. Denies 503 when a revocation
 * list is outdated. Synchronous: parses and verifies a certificate once.
 */
export const checkCertificate = phase<Resolved, Resolved>()({
  name: 'check-certificate',
  waits: false,
  denies: ['certificate-malformed', 'certificate-missing', ...certificateReasons],
  run(x) {
    const { clientCertificates: certificates } = x.gate
    if (certificates?.field === undefined && x.peerTrusted) {
      const malformed = validateForwardedCertificate(x.head)
      if (malformed !== undefined) return malformed
    }
    if (certificates === undefined) return undefined
    const refused = checkConnection(x, certificates)
    if (refused !== undefined) {
      // Close the client connection, because the client needs another certificate and thus another connection.
      x.close = true
      x.connectionRefused = refused !== certificateDenials['certificate-status-unknown']
      return refused
    }
    if (x.peerTrusted) return checkStated(x, certificates)
    // Use the stated certificate in a dry run: it has no connection, and its caller states the client certificate.
    return x.handshake === undefined ? certificateVerdict(x) : undefined
  },
})

function checkConnection(x: Resolved, certificates: ClientCertificates): CertificateVerdict {
  const { handshake } = x
  if (handshake === undefined) return undefined
  if (handshake.certificate === '') return certificates.required ? certificateMissing : undefined
  const known = certificates.ofConnection(handshake.certificate, readPem)
  if (known === undefined) return certificateMalformed
  if (!x.peerTrusted) x.clientCertificate = known
  const refused = certificates.check(known, x.nowMs, handshake.trust)
  return refused && certificateDenials[refused]
}

function checkStated(x: Resolved, certificates: ClientCertificates): CertificateVerdict {
  const stated: KnownCertificate | CertificateVerdict = statedCertificate(x.head, certificates)
  if (stated === undefined || 'reason' in stated) return stated
  x.clientCertificate = stated
  const refused = certificates.check(stated, x.nowMs, undefined)
  return refused && certificateDenials[refused]
}
