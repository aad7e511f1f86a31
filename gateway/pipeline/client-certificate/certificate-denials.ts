import { type Denial, denial } from '../../base/denial.ts'
import { type CertificateReason, certificateReasons } from '../../base/reasons.ts'

/**
 * Denials of a client certificate, one per reason. Denials with status 403 look alike to the client, whatever the
 * reason.
 */
export const certificateDenials = Object.freeze(
  Object.fromEntries(certificateReasons.map((reason) => [reason, denialOf(reason)])),
) as { readonly [R in CertificateReason]: Denial<R> }

function denialOf(reason: CertificateReason): Denial {
  return reason === 'certificate-status-unknown' ? denial(reason, { fields: [['retry-after', '30']] }) : denial(reason)
}
