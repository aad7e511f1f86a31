import { instruments } from './instruments.ts'
import type { MetricSink, MetricSource } from './metrics.ts'

export type TelemetrySignal = 'spans' | 'metrics' | 'logs' | 'recent'

export type DeliveryLog = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void

const REASON_MAX = 200

/**
 * Delivery statistics of one telemetry signal. Counts sent, failed and dropped items. Logs once when delivery starts to
 * fail and once when it works again.
 */
export class Delivery implements MetricSource {
  readonly #signal: TelemetrySignal
  readonly #log: DeliveryLog
  #sent = 0
  #failed = 0
  #dropped = 0
  #failing = false

  constructor(signal: TelemetrySignal, log: DeliveryLog) {
    this.#signal = signal
    this.#log = log
  }

  sent(items: number): void {
    this.#sent += items
    if (!this.#failing) return
    this.#failing = false
    this.#log('info', 'telemetry export works again', { signal: this.#signal })
  }

  /**
   * Counts items that could not be delivered.
   *
   * @param error  error of the exporter; its message can quote the response of the receiver
   */
  failed(items: number, error: unknown): void {
    this.#failed += items
    if (this.#failing) return
    this.#failing = true
    const reason = (error instanceof Error && error.message !== '' ? error.message : codeOf(error)).slice(0, REASON_MAX)
    this.#log('warn', 'telemetry export fails; requests are still served', { signal: this.#signal, reason })
  }

  /** Counts telemetry items that were dropped because the queue was full. */
  dropped(items: number): void {
    this.#dropped += items
  }

  collect(sink: MetricSink): void {
    const signal = this.#signal
    sink.value(instruments.telemetryItems, this.#sent, { signal, outcome: 'sent' })
    sink.value(instruments.telemetryItems, this.#failed, { signal, outcome: 'failed' })
    sink.value(instruments.telemetryItems, this.#dropped, { signal, outcome: 'dropped' })
  }
}

/**
 * Returns the code of an error that has no message. The message of a connection error is empty when the connection
 * failed on every address of a host.
 */
function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? error)
}
