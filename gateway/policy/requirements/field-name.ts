import { statementFields, statementPrefixes } from '../../base/statement-fields.ts'
import { text } from '../../config/parsed.ts'

/**
 * Request fields that a requirement must not use: fields that carry credentials, fields that only the gate or a proxy
 * may set, and fields that frame or route the message. User-Agent is excluded because clients choose it freely, which
 * has caused an authentication bypass before (GHSA-5hvv-m4w4-gf6v).
 */
const reserved = new Set([
  ...statementFields,
  ...`authorization dpop cookie
  connection keep-alive te trailer transfer-encoding content-length upgrade expect http2-settings proxy host via
  x-request-id traceparent tracestate baggage user-agent`.split(/\s+/),
])

function isReserved(name: string): boolean {
  return reserved.has(name) || statementPrefixes.some((prefix) => name.startsWith(prefix))
}

/** Name of a request field that a requirement may use (RFC 9110 §5.1), case-insensitive. */
export const fieldName = text('the name of a request field, of letters, digits and -', /^[0-9A-Za-z-]{1,128}$/).refine(
  (name) => !isReserved(name.toLowerCase()),
  { error: 'must not be a field that carries credentials, or by which gate, proxies or the protocol speak' },
)
