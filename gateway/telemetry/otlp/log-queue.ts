import type { Logger } from '@opentelemetry/api'
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  type LogRecordExporter,
  type ReadableLogRecord,
} from '@opentelemetry/sdk-logs'
import type { Delivery } from '../delivery.ts'
import type { LogLevel, NodeLogEntry } from '../node-log.ts'
import { CountedExporter } from './counted-exporter.ts'
import { hrTime, type Origin } from './origin.ts'
import { processorOptions, QUEUE_MAX } from './queue-limits.ts'

/** `SeverityNumber` of each log level (OpenTelemetry Logs Data Model). */
const severities: Readonly<Record<LogLevel, number>> = { debug: 5, info: 9, warn: 13, error: 17 }

/**
 * Sends entries of the node's log over OTLP, in batches of the SDK's `BatchLogRecordProcessor`. Never blocks the
 * caller.
 */
export class LogQueue {
  readonly #exporter: CountedExporter<ReadableLogRecord[]>
  readonly #provider: LoggerProvider
  readonly #logger: Logger
  readonly #delivery: Delivery
  #added = 0

  constructor(exporter: LogRecordExporter, delivery: Delivery, { resource, scope }: Origin) {
    this.#exporter = new CountedExporter(exporter, delivery, { items: (batch) => batch.length })
    const processor = new BatchLogRecordProcessor({ exporter: this.#exporter, ...processorOptions })
    this.#provider = new LoggerProvider({ resource, processors: [processor] })
    this.#logger = this.#provider.getLogger(scope.name, scope.version)
    this.#delivery = delivery
  }

  add({ timeMs, level, message, fields }: NodeLogEntry): void {
    // Check the limit of the queue here: the processor does not report the log entries that it drops.
    if (this.#added - this.#exporter.taken >= QUEUE_MAX) {
      this.#delivery.dropped(1)
      return
    }
    this.#added++
    // Convert the time first: the SDK would read a time before the start of the process as an offset from that start.
    const time = hrTime(timeMs)
    this.#logger.emit({
      timestamp: time,
      observedTimestamp: time,
      severityNumber: severities[level],
      severityText: level,
      body: message,
      attributes: Object.fromEntries(Object.entries(fields).flatMap(attribute)),
    })
  }

  /** Sends the waiting log entries and closes the exporter. The caller limits the time. */
  close(): Promise<void> {
    return this.#provider.shutdown()
  }
}

/** Converts a log field to an attribute. Arrays and objects become JSON text; null and undefined are omitted. */
function attribute([name, value]: [string, unknown]): [string, string | number | boolean][] {
  if (value === undefined || value === null) return []
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [[name, value]]
  return [[name, JSON.stringify(value)]]
}
