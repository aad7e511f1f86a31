import type { ShippedRecord } from './sink.ts'

/** RFC 5424 §6.2.1: 13, log audit. */
const FACILITY = 13
/** RFC 5424 §7.2.2 wants the number of an enterprise; this one is for examples (RFC 5612), and collides with nobody's. */
const SD_ID = 'gatehouse@32473'

/** What is worth a parameter of its own: receivers filter by them without reading JSON. At most 32 characters a name. */
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

/** One record as a message of syslog (RFC 5424), in a frame of counted octets (RFC 5425 §4.3). */
export function syslogFrame({ record, line }: ShippedRecord): string {
  const { time, kind, 'gatehouse.node': node, 'gatehouse.decision': decision } = record
  const head = `<${FACILITY * 8 + severityOf(decision)}>1 ${time} ${token(String(node ?? ''), 255)} gatehouse - ${token(kind, 32)}`
  // The mark says that the message is UTF-8 (§6.4).
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

/** RFC 5424 §6.3.3. Controls may not stand here as they are (§6.3.3, §6.4 by way of §8.2). */
function escaped(value: string): string {
  return value
    .replaceAll(/["\\\]]/g, '\\$&')
    .replaceAll(
      /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g,
      (char) => `\\\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}

/** RFC 5424 §6: visible ASCII without blanks; `-` for nothing. */
function token(text: string, most: number): string {
  return text.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, most) || '-'
}

/** RFC 5424 §6.2.1: 3 error, 4 warning, 6 informational. */
function severityOf(decision: unknown): number {
  return decision === 'failed' || decision === 'broken' ? 3 : decision === 'refused' ? 4 : 6
}
