import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { BatchExporter } from '../export-queue.ts'
import type { LogLevel, NodeLogEntry } from '../node-log.ts'
import { exported } from './exported.ts'
import { hrTime, type Origin } from './origin.ts'

/** `SeverityNumber` of each log level (OpenTelemetry Logs Data Model). */
const severities: Readonly<Record<LogLevel, number>> = { debug: 5, info: 9, warn: 13, error: 17 }

/** Sends entries of the node's log over OTLP. */
export class LogExporter implements BatchExporter<NodeLogEntry> {
  readonly #exporter: OTLPLogExporter
  readonly #origin: Origin

  constructor(url: string, headers: Record<string, string>, origin: Origin) {
    this.#exporter = new OTLPLogExporter({ url, headers })
    this.#origin = origin
  }

  send(batch: readonly NodeLogEntry[]): Promise<void> {
    return exported(
      this.#exporter,
      batch.map((entry) => readable(entry, this.#origin)),
    )
  }

  close(): Promise<void> {
    return this.#exporter.shutdown()
  }
}

function readable({ timeMs, level, message, fields }: NodeLogEntry, { resource, scope }: Origin): ReadableLogRecord {
  const time = hrTime(timeMs)
  return {
    hrTime: time,
    hrTimeObserved: time,
    severityNumber: severities[level],
    severityText: level,
    body: message,
    attributes: Object.fromEntries(Object.entries(fields).flatMap(attribute)),
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
  }
}

/** Converts a log field to an attribute. Arrays and objects become JSON text; null and undefined are omitted. */
function attribute([name, value]: [string, unknown]): [string, string | number | boolean][] {
  if (value === undefined || value === null) return []
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [[name, value]]
  return [[name, JSON.stringify(value)]]
}
