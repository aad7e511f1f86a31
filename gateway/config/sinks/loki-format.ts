import { below, type HttpFormat, httpFormatKind } from './http-format.ts'
import { nanoseconds } from './nanoseconds.ts'
import type { ShippedRecord } from './sink.ts'

/**
 * Push requests for Grafana Loki. Each label has a fixed set of possible values; all other fields are in the log line.
 */
export const loki = httpFormatKind({
  preset: 'loki',
  description: 'requests for Grafana Loki, sent to `url` with the path `/loki/api/v1/push` appended',
  settings: {},
  open: ({ url }): HttpFormat => ({
    url: below(url, '/loki/api/v1/push'),
    headers: { 'content-type': 'application/json' },
    tokenScheme: 'Bearer',
    body: (records) => JSON.stringify({ streams: [...Map.groupBy(records, labelKey).values()].map(streamOf) }),
  }),
})

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
