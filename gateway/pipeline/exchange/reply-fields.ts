import type { Denial, HeaderField } from '../../base/denial.ts'
import { withResourceMetadata } from '../../oauth/challenge.ts'
import type { Exchange } from './exchange.ts'

/**
 * Returns the header fields of a refusal: content type of the problem document (RFC 9457), request id, and challenge
 * (RFC 9110 §11.6.1).
 */
export function refusalFields(denial: Denial, requestId: string, metadataUrl: string): HeaderField[] {
  const fields: HeaderField[] = [
    ['content-type', 'application/problem+json'],
    ['cache-control', 'no-store'],
    ['x-request-id', requestId],
    ...denial.fields,
  ]
  for (const challenge of denial.challenges) {
    fields.push(['www-authenticate', withResourceMetadata(challenge, metadataUrl)])
  }
  return fields
}

/**
 * Object to which a reply's header fields are written, one call for each field. A reply of uWebSockets.js is such an
 * object.
 */
export interface FieldWriter {
  writeHeader(name: string, value: string): unknown
}

/** Adds the gate's fields to the reply of a service: request id, CORS, privacy and rate limit. */
export function writeGateFields(x: Exchange, to: FieldWriter): void {
  to.writeHeader('x-request-id', x.id)
  for (const [name, value] of x.originFields) to.writeHeader(name, value)
  if (x.keptPrivate) to.writeHeader('cache-control', 'private')
  if (x.proof?.nonce !== undefined) to.writeHeader('dpop-nonce', x.proof.nonce)
  // Add a further `RateLimit` line of the same list, because the service can send its own limits (RFC 9651 §3.1).
  if (x.rateLimit !== '') {
    to.writeHeader('ratelimit', x.rateLimit)
    to.writeHeader('ratelimit-policy', x.route!.limits!.policyField)
  }
}
