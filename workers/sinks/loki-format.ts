import { below, type HttpFormat } from './http-format.ts'
import type { ShippedRecord } from './sink.ts'

/** Push requests for Grafana Loki. Labels have values from closed sets; all other fields are in the line. */
export function lokiFormat(base: URL): HttpFormat {
  return {
    url: below(base, '/loki/api/v1/push'),
    headers: { 'content-type': 'application/json' },
    tokenScheme: 'Bearer',
    body: (records) => JSON.stringify({ streams: [...Map.groupBy(records, labelKey).values()].map(streamOf) }),
  }
}

function labelKey({ record }: ShippedRecord): string {
  return `${record.kind} ${record['gatehouse.decision'] ?? ''}`
}

function streamOf(records: readonly ShippedRecord[]): object {
  const { kind, 'gatehouse.decision': decision } = records[0]!.record
  return {
    stream: { service_name: 'gatehouse', kind, ...(decision !== undefined && { decision: String(decision) }) },
    values: records.map(({ line, record }) => [nanoseconds(record.time), line]),
  }
}

/** Nanoseconds since the epoch, as text: the value exceeds the safe integers. 0 for an invalid time. */
export function nanoseconds(time: string): string {
  const ms = Date.parse(time)
  return `${Number.isNaN(ms) ? 0 : ms}000000`
}
