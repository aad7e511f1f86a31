import { type Denial, denial } from '../../base/denial.ts'
import { type ClientCertificates, certificateFieldNames } from '../../tokens/client-certificates.ts'
import type { KnownCertificate } from '../../tokens/known-certificate.ts'
import { FieldKind } from '../exchange/field-kind.ts'
import type { RequestHead } from '../exchange/request-head.ts'
import {
  clientCertText,
  isByteSequence,
  readClientCert,
  readEscapedPem,
  readForwardedClientCert,
} from './presented-certificate.ts'

const certificateMalformed = denial('certificate-malformed')
type Malformed = Denial<'certificate-malformed'>

/**
 * Finds the client certificate that a trusted proxy states in the configured field. Denies 400 for an invalid or
 * repeated field, because the client cannot then be determined.
 *
 * @returns `undefined` when the proxy states none
 */
export function statedCertificate(
  head: RequestHead,
  certificates: ClientCertificates,
): KnownCertificate | Malformed | undefined {
  switch (certificates.field) {
    case 'client-cert':
      return inClientCert(head, certificates)
    case 'x-forwarded-client-cert': {
      const text = head.joined(certificateFieldNames['x-forwarded-client-cert'])
      if (text === undefined || text === '') return undefined
      return certificates.ofField(text, readForwardedClientCert) ?? certificateMalformed
    }
    case 'nginx-escaped': {
      const text = single(head, certificateFieldNames['nginx-escaped'])
      if (text === undefined) return undefined
      return text === null ? certificateMalformed : (certificates.ofField(text, readEscapedPem) ?? certificateMalformed)
    }
    case undefined:
      return undefined
  }
}

function inClientCert(head: RequestHead, certificates: ClientCertificates): KnownCertificate | Malformed | undefined {
  const certificate = single(head, certificateFieldNames['client-cert'])
  const chain = head.joined('client-cert-chain')
  // Reject `Client-Cert-Chain` without `Client-Cert`, which is not allowed (RFC 9440 §2.3).
  if (certificate === null || (certificate === undefined && chain !== undefined)) return certificateMalformed
  if (certificate === undefined) return undefined
  return certificates.ofField(clientCertText(certificate, chain), readClientCert) ?? certificateMalformed
}

/**
 * Returns the value of a header field; `undefined` when the request lacks the field, `null` when the field repeats. An
 * empty value counts as a missing field.
 */
function single({ names, values }: RequestHead, name: string): string | null | undefined {
  const at = names.indexOf(name)
  if (at < 0) return undefined
  if (names.indexOf(name, at + 1) >= 0) return null
  return values[at] === '' ? undefined : values[at]
}

/** Validates `Client-Cert` and `Client-Cert-Chain` of a trusted proxy, which the gate forwards without using them. */
export function validateForwardedCertificate({ names, values, kinds }: RequestHead): Malformed | undefined {
  let certificates = 0
  for (let i = 0; i < names.length; i++) {
    if (kinds[i] !== FieldKind.clientCert) continue
    if (names[i] === 'client-cert') certificates++
    const members = names[i] === 'client-cert' ? [values[i]!] : values[i]!.split(',')
    if (certificates > 1 || !members.every(isByteSequence)) return certificateMalformed
  }
  return undefined
}
