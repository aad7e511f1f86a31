import { Supervisor } from '../base/supervisor.ts'
import type { TelemetrySettings } from '../base/telemetry-settings.ts'
import { Delivery } from './delivery.ts'
import { ExportQueue } from './export-queue.ts'
import { instruments } from './instruments.ts'
import type { MetricSink, MetricSource, Metrics } from './metrics.ts'
import type { NodeLog, NodeLogEntry } from './node-log.ts'
import type { OriginNames } from './origin-names.ts'
import type { Exporters } from './otlp/exporters.ts'
import type { Span, SpanOutlet } from './span.ts'
import { Tracer } from './tracer.ts'

const CLOSE_MS = 2000

const nothing: Exporters = { spans: undefined, metrics: undefined, logs: undefined }

/** OTLP telemetry of a process: traces, metrics and logs. */
export class Telemetry implements MetricSource {
  /** Tracer of the process; `undefined` when tracing is off. */
  readonly tracer: Tracer | undefined
  readonly #log: NodeLog
  readonly #exporters: Exporters
  readonly #intervalMs: number
  readonly #spans: ExportQueue<Span> | undefined
  readonly #lines: ExportQueue<NodeLogEntry> | undefined
  readonly #deliveries: Delivery[] = []
  #endPushing: (() => void) | undefined
  #push: (() => Promise<void>) | undefined

  private constructor(settings: TelemetrySettings, exporters: Exporters, log: NodeLog, outlets: readonly SpanOutlet[]) {
    const { spans, logs } = exporters
    this.#log = log
    this.#exporters = exporters
    this.#intervalMs = settings.metrics?.intervalMs ?? 0
    this.#spans = spans && new ExportQueue(spans, this.#delivery('spans'))
    this.#lines = logs && new ExportQueue(logs, this.#delivery('logs'))
    const queues = this.#spans === undefined ? [] : [spanOutlet(this.#spans)]
    this.tracer = settings.traces && new Tracer(settings.traces, [...queues, ...outlets])
    log.copyTo(this.#lines)
  }

  /** @param outlets  additional receivers of recorded spans */
  static async start(
    settings: TelemetrySettings,
    names: OriginNames,
    log: NodeLog,
    outlets: readonly SpanOutlet[] = [],
  ): Promise<Telemetry> {
    const { traces, metrics, logs } = settings
    const sends = traces?.endpoint !== undefined || metrics !== undefined || logs !== undefined
    // Loads the exporters only when they are used, because they need time and memory.
    const exporters = sends
      ? (await import('./otlp/exporters.ts')).exportersFor(settings, names, log.log.bind(log))
      : nothing
    return new Telemetry(settings, exporters, log, outlets)
  }

  /**
   * Sends these metrics once per interval from now on, and once at shutdown. Does nothing without a metrics exporter.
   */
  pushMetrics(metrics: Metrics): void {
    const { metrics: exporter } = this.#exporters
    if (exporter === undefined) return
    const delivery = this.#delivery('metrics')
    let sending: Promise<void> | undefined
    this.#push = () => {
      sending ??= exporter
        .send(metrics)
        .then(
          (count) => delivery.sent(count),
          (error) => delivery.failed(1, error),
        )
        .finally(() => {
          sending = undefined
        })
      return sending
    }
    this.#endPushing = new Supervisor('telemetry-metrics').repeat(this.#intervalMs, () => this.#push!())
  }

  collect(sink: MetricSink): void {
    for (const delivery of this.#deliveries) delivery.collect(sink)
    if (this.tracer === undefined) return
    sink.value(instruments.telemetryItems, this.tracer.limited, { signal: 'traces', outcome: 'dropped' })
  }

  /** Sends waiting telemetry and closes the exporters. Takes at most 2 s; telemetry left after that is lost. */
  async close(): Promise<void> {
    this.#endPushing?.()
    this.#log.copyTo(undefined)
    await Promise.all([this.#spans?.close(), this.#lines?.close(), this.#closeMetrics()])
  }

  async #closeMetrics(): Promise<void> {
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref())
    await Promise.race([this.#push?.(), deadline])
    await Promise.race([this.#exporters.metrics?.close().catch(() => {}), deadline])
  }

  #delivery(signal: ConstructorParameters<typeof Delivery>[0]): Delivery {
    const delivery = new Delivery(signal, this.#log.log.bind(this.#log))
    this.#deliveries.push(delivery)
    return delivery
  }
}

function spanOutlet(queue: ExportQueue<Span>): SpanOutlet {
  return {
    add(spans) {
      for (const span of spans) queue.add(span)
    },
  }
}
