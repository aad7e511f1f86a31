import { DiagLogLevel, diag } from '@opentelemetry/api'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { AggregationTemporality } from '@opentelemetry/sdk-metrics'
import type { TelemetrySettings } from '../../base/telemetry-settings.ts'
import type { Delivery, DeliveryLog, TelemetrySignal } from '../delivery.ts'
import type { OriginNames } from '../origin-names.ts'
import { LogQueue } from './log-queue.ts'
import { MetricPush } from './metric-push.ts'
import { originOf } from './origin.ts'
import { SpanQueue } from './span-queue.ts'

/** OTLP export of each signal; `undefined` for a signal that is not sent. */
export interface OtlpExports {
  readonly spans: SpanQueue | undefined
  readonly metrics: MetricPush | undefined
  readonly logs: LogQueue | undefined
}

/**
 * Opens the exports that are enabled in the settings. The exporters also read other OpenTelemetry environment variables
 * themselves.
 *
 * @param delivery  creates the delivery statistics of a signal
 */
export function openExports(
  settings: TelemetrySettings,
  names: OriginNames,
  log: DeliveryLog,
  delivery: (signal: TelemetrySignal) => Delivery,
): OtlpExports {
  const { traces, metrics, logs, authorization } = settings
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
  // Let OpenTelemetry log only while the exporters read their environment variables. Later, OpenTelemetry would log
  // every failure of every batch.
  const tell = (level: 'info' | 'warn') => (text: string) => log(level, 'opentelemetry', { text: text.slice(0, 200) })
  const [quiet, warn] = [(): void => {}, tell('warn')]
  diag.setLogger({ error: warn, warn, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN)
  try {
    const origin = originOf(names)
    const temporalityPreference = AggregationTemporality.CUMULATIVE
    const spans = traces?.endpoint && new OTLPTraceExporter({ url: traces.endpoint, headers })
    const push = metrics && new OTLPMetricExporter({ url: metrics.endpoint, headers, temporalityPreference })
    const lines = logs && new OTLPLogExporter({ url: logs.endpoint, headers })
    return {
      spans: spans ? new SpanQueue(spans, delivery('spans'), origin) : undefined,
      metrics: push && new MetricPush(push, delivery('metrics'), origin, metrics.intervalMs),
      logs: lines && new LogQueue(lines, delivery('logs'), origin),
    }
  } finally {
    diag.disable()
  }
}
