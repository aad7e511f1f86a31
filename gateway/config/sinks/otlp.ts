import { z } from 'zod'
import { type HttpFormat, type RecordOutcomes, readObject } from './http-format.ts'
import { openHttpSink } from './http-sink.ts'
import { nanoseconds } from './nanoseconds.ts'
import type { ShippedRecord } from './sink.ts'
import { sinkKind } from './sink-kind.ts'
import { httpMembers, requireSecureUrl, restart, sinkType, webUrl } from './sink-members.ts'

const schema = z
  .strictObject({
    type: sinkType('otlp'),
    url: webUrl
      .describe(
        'Full URL of the logs endpoint of the collector, such as http://127.0.0.1:4318/v1/logs. Same rules as for `type: http`.',
      )
      .meta(restart),
    ...httpMembers,
  })
  .superRefine((entry, context) => requireSecureUrl(entry, context))
  .describe('`type: otlp`: an OpenTelemetry collector, by OTLP/HTTP in JSON.')

/**
 * Schema of a collector's OTLP export response. In JSON, Protocol Buffers writes an int64 as a string; some receivers
 * send a number.
 */
const partial = z.object({
  partialSuccess: z
    .object({
      rejectedLogRecords: z.union([z.string().regex(/^\d{1,15}$/), z.int()]).optional(),
      errorMessage: z.string().optional(),
    })
    .optional(),
})

/**
 * Request format OTLP 1.x over HTTP in JSON: ids in hexadecimal, int64 as strings. Each audit record becomes one log
 * record.
 */
function otlpFormat(url: URL): HttpFormat {
  return {
    url,
    headers: { 'content-type': 'application/json' },
    tokenScheme: 'Bearer',
    body: (records) => JSON.stringify({ resourceLogs: [...Map.groupBy(records, nodeOf)].map(resourceLogs) }),
    outcomes: ({ text }, records) => outcomesOf(text, records),
  }
}

function nodeOf({ record }: ShippedRecord): string {
  return String(record['gatehouse.node'] ?? '')
}

function resourceLogs([node, records]: [string, ShippedRecord[]]): object {
  return {
    resource: { attributes: [attribute('service.name', 'gatehouse'), attribute('service.instance.id', node)] },
    scopeLogs: [{ scope: { name: 'gatehouse.audit' }, logRecords: records.map(logRecord) }],
  }
}

function logRecord({ record }: ShippedRecord): object {
  const { id, time, kind, trace_id: trace, 'gatehouse.decision': decision, ...rest } = record
  const attributes = { 'log.record.uid': id, 'gatehouse.decision': decision, ...rest }
  const [severityNumber, severityText] = severityOf(decision)
  return {
    timeUnixNano: nanoseconds(time),
    observedTimeUnixNano: nanoseconds(time),
    severityNumber,
    severityText,
    eventName: `gatehouse.audit.${kind}`,
    body: { stringValue: summary(record) },
    attributes: Object.entries(attributes).flatMap(([key, value]) =>
      value === undefined ? [] : [attribute(key, value)],
    ),
    ...(/^[0-9a-f]{32}$/.test(String(trace)) && { traceId: trace }),
  }
}

/**
 * Returns a readable summary of an audit record for the body of the log record. The attributes contain the same values.
 */
function summary(record: ShippedRecord['record']): string {
  const fields = [
    'http.request.method',
    'url.path',
    'gatehouse.operation',
    'gatehouse.decision',
    'gatehouse.reason',
  ] as const
  return [record.kind, ...fields.map((field) => record[field])].filter((part) => part !== undefined).join(' ')
}

/** Maps the decision of an exchange to severity number and text of the OpenTelemetry log data model. */
function severityOf(decision: unknown): readonly [number, string] {
  return decision === 'failed' || decision === 'broken'
    ? [17, 'ERROR']
    : decision === 'refused'
      ? [13, 'WARN']
      : [9, 'INFO']
}

function attribute(key: string, value: string | number): object {
  if (typeof value === 'string') return { key, value: { stringValue: value } }
  return { key, value: Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value } }
}

/**
 * Reads the outcomes from an OTLP reply. A partial success says how many records were rejected, but not which, and the
 * request must not be sent again (OTLP §Partial Success). Therefore one rejected record makes every record of the
 * request a dead letter: a stored record that an operator can send again.
 */
function outcomesOf(text: string, records: readonly ShippedRecord[]): RecordOutcomes {
  const { partialSuccess } = partial.parse(text.trim() === '' ? {} : readObject(text))
  const rejected = Number(partialSuccess?.rejectedLogRecords ?? 0)
  if (rejected === 0) return { rejected: [], retry: [] }
  const reason = `the collector rejected ${rejected} of these ${records.length} records: ${partialSuccess?.errorMessage ?? ''}`
  return { rejected: records.map((record) => ({ record, reason })), retry: [] }
}

/** Audit sink `otlp`: an OpenTelemetry collector. */
export const otlp = sinkKind({
  type: 'otlp',
  schema,
  open: (entry, resources) => openHttpSink(entry, otlpFormat(entry.url), resources),
})
