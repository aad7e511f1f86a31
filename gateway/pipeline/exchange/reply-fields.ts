import type { Exchange } from './exchange.ts'

/**
 * Object to which a reply's header fields are written, one call for each field. A reply of uWebSockets.js is such an
 * object.
 */
export interface FieldWriter {
  writeHeader(name: string, value: string): unknown
}

/** Adds the gate's fields to the reply of a service: request id, `Location`, CORS, privacy and rate limit. */
export function writeGateFields(x: Exchange, to: FieldWriter): void {
  to.writeHeader('x-request-id', x.id)
  for (const [name, value] of x.originFields) to.writeHeader(name, value)
  if (x.location !== '') to.writeHeader('location', x.location)
  if (x.keptPrivate) to.writeHeader('cache-control', 'private')
  if (x.proof?.nonce !== undefined) to.writeHeader('dpop-nonce', x.proof.nonce)
  // Add a further `RateLimit` line of the same list, because the service can send its own limits (RFC 9651 §3.1).
  if (x.rateLimit !== '') {
    to.writeHeader('ratelimit', x.rateLimit)
    to.writeHeader('ratelimit-policy', x.route!.limits!.policyField)
  }
}
