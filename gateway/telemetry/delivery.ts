import { instruments } from './instruments.ts'
import type { MetricSink, MetricSource } from './metrics.ts'

export type TelemetrySignal = 'spans' | 'metrics' | 'logs' | 'recent'

export type DeliveryLog = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void

const REASON_MAX = 200

/** What became of what was to be sent: counted, and told in the log when it begins to fail and when it works again. */
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
    this.#log('info', 'telemetry is delivered again', { signal: this.#signal })
  }

  /** @param error  as the exporter has it; it may quote what a receiver said */
  failed(items: number, error: unknown): void {
    this.#failed += items
    if (this.#failing) return
    this.#failing = true
    const reason = (error instanceof Error && error.message !== '' ? error.message : codeOf(error)).slice(0, REASON_MAX)
    this.#log('warn', 'telemetry cannot be delivered; traffic goes on', { signal: this.#signal, reason })
  }

  /** There was no room. */
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

/** Where a connection fails on every address of a host, the error itself says nothing. */
function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? error)
}
