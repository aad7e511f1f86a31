import type { ShippedRecord } from './sink.ts'

/** Syslog facility 13: log audit (RFC 5424 §6.2.1). */
const FACILITY = 13
/**
 * Id of the structured data (SD-ID) in a syslog message. It must contain an enterprise number (RFC 5424 §7.2.2). 32473
 * is reserved for examples (RFC 5612), so no vendor uses it.
 */
const SD_ID = 'gatehouse@32473'

/**
 * Map from the name of a structured data parameter to the field of the audit record. Receivers that do not parse JSON
 * can filter messages by these parameters. RFC 5424 limits their names to 32 characters.
 */
const parameters = {
  id: 'id',
  decision: 'gatehouse.decision',
  reason: 'gatehouse.reason',
  service: 'gatehouse.service',
  route: 'gatehouse.route',
  issuer: 'gatehouse.issuer',
  subject: 'user.id',
  request: 'gatehouse.request.id',
  trace: 'trace_id',
} as const

/**
 * Formats an audit record as a syslog message (RFC 5424), preceded by its length in bytes (octet counting, RFC 5425
 * §4.3).
 */
export function syslogFrame({ record, line }: ShippedRecord): string {
  const { time, kind, 'gatehouse.node': node, 'gatehouse.decision': decision } = record
  const head = `<${FACILITY * 8 + severityOf(decision)}>1 ${time} ${token(String(node ?? ''), 255)} gatehouse - ${token(kind, 32)}`
  // Write a byte order mark (`\ufeff`), which declares that the message is UTF-8 (RFC 5424 §6.4).
  const message = `${head} ${structuredData(record)} \ufeff${line}`
  return `${Buffer.byteLength(message)} ${message}`
}

function structuredData(record: ShippedRecord['record']): string {
  const pairs = Object.entries(parameters).flatMap(([name, field]) => {
    const value = record[field]
    return value === undefined ? [] : [` ${name}="${escaped(String(value))}"`]
  })
  return `[${SD_ID}${pairs.join('')}]`
}

/**
 * Escapes a structured data value (RFC 5424 §6.3.3). Control characters become `\\uXXXX`, because they are unsafe in
 * logs (§8.2).
 */
function escaped(value: string): string {
  return value
    .replaceAll(/["\\\]]/g, '\\$&')
    .replaceAll(
      /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g,
      (char) => `\\\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}

/**
 * Converts a text into a syslog header field (RFC 5424 §6): printable ASCII without spaces, at most `most` characters,
 * `-` for an empty text.
 */
function token(text: string, most: number): string {
  return text.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, most) || '-'
}

/** Maps the decision of an exchange to a syslog severity (RFC 5424 §6.2.1): 3 error, 4 warning, 6 informational. */
function severityOf(decision: unknown): number {
  return decision === 'failed' || decision === 'broken' ? 3 : decision === 'refused' ? 4 : 6
}
