import type { Secret } from '../base/secret.ts'
import type { TelemetrySettings } from '../base/telemetry-settings.ts'
import { Delivery, type TelemetrySignal } from './delivery.ts'
import { instruments } from './instruments.ts'
import type { MetricSink, MetricSource, Metrics } from './metrics.ts'
import type { NodeLog } from './node-log.ts'
import type { OriginNames } from './origin-names.ts'
import type { OtlpExports } from './otlp/open-exports.ts'
import type { SpanOutlet } from './span.ts'
import { Tracer } from './tracer.ts'

/** Maximum time for which `close` waits for the last export, ms. */
const CLOSE_MS = 2000

const nothing: OtlpExports = { spans: undefined, metrics: undefined, logs: undefined }

/** OTLP telemetry of a process: traces, metrics and logs. */
export class Telemetry implements MetricSource {
  /** Tracer of the process; `undefined` when tracing is off. */
  readonly tracer: Tracer | undefined
  readonly #log: NodeLog
  readonly #exports: OtlpExports
  readonly #deliveries: readonly Delivery[]

  private constructor(
    settings: TelemetrySettings,
    exports: OtlpExports,
    deliveries: readonly Delivery[],
    log: NodeLog,
    outlets: readonly SpanOutlet[],
  ) {
    const { spans, logs } = exports
    this.#log = log
    this.#exports = exports
    this.#deliveries = deliveries
    const queues = spans === undefined ? [] : [spans]
    this.tracer = settings.traces && new Tracer(settings.traces, [...queues, ...outlets])
    log.copyTo(logs)
  }

  /**
   * Starts the telemetry of a process.
   *
   * @param outlets        additional receivers of recorded spans
   * @param authorization  returns the secret `telemetry.authorization` of the settings in force
   */
  static async start(
    settings: TelemetrySettings,
    names: OriginNames,
    log: NodeLog,
    outlets: readonly SpanOutlet[] = [],
    authorization: () => Secret | undefined = () => undefined,
  ): Promise<Telemetry> {
    const { traces, metrics, logs } = settings
    const sends = traces?.endpoint !== undefined || metrics !== undefined || logs !== undefined
    const deliveries: Delivery[] = []
    const sendLog = log.log.bind(log)
    const delivery = (signal: TelemetrySignal): Delivery => {
      const created = new Delivery(signal, sendLog)
      deliveries.push(created)
      return created
    }
    // Load the OpenTelemetry SDK only when it is used, because loading needs time and memory.
    const exports = sends
      ? (await import('./otlp/open-exports.ts')).openExports(settings, names, sendLog, delivery, authorization)
      : nothing
    return new Telemetry(settings, exports, deliveries, log, outlets)
  }

  /** Starts to send the metrics once per interval, and once more at `close`. Does nothing when metrics are not sent. */
  pushMetrics(metrics: Metrics): void {
    this.#exports.metrics?.start(metrics)
  }

  collect(sink: MetricSink): void {
    for (const delivery of this.#deliveries) delivery.collect(sink)
    if (this.tracer === undefined) return
    sink.value(instruments.telemetryItems, this.tracer.limited, { signal: 'traces', outcome: 'dropped' })
  }

  /** Sends waiting telemetry and closes the exporters. Takes at most 2 s; telemetry left after that is lost. */
  async close(): Promise<void> {
    this.#log.copyTo(undefined)
    const { spans, metrics, logs } = this.#exports
    const closed = [spans, metrics, logs].map((each) => each?.close().catch(() => {}))
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref())
    await Promise.race([Promise.all(closed), deadline])
  }
}
