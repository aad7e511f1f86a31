import { DiagLogLevel, diag } from '@opentelemetry/api'
import type { TelemetrySettings } from '../../base/telemetry-settings.ts'
import type { DeliveryLog } from '../delivery.ts'
import type { OriginNames } from '../origin-names.ts'
import { LogExporter } from './log-exporter.ts'
import { MetricExporter } from './metric-exporter.ts'
import { originOf } from './origin.ts'
import { SpanExporter } from './span-exporter.ts'

export interface Exporters {
  readonly spans: SpanExporter | undefined
  readonly metrics: MetricExporter | undefined
  readonly logs: LogExporter | undefined
}

/**
 * Creates the exporters that are enabled in the settings. The exporters also read other OpenTelemetry environment
 * variables themselves.
 */
export function exportersFor(settings: TelemetrySettings, names: OriginNames, log: DeliveryLog): Exporters {
  const { traces, metrics, logs, authorization } = settings
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
  // OpenTelemetry may log only while the exporters read their variables. Later it would log every failure of every
  // batch.
  const tell = (level: 'info' | 'warn') => (text: string) => log(level, 'opentelemetry', { text: text.slice(0, 200) })
  const [quiet, warn] = [(): void => {}, tell('warn')]
  diag.setLogger({ error: warn, warn, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN)
  try {
    const origin = originOf(names)
    return {
      spans: traces?.endpoint === undefined ? undefined : new SpanExporter(traces.endpoint, headers, origin),
      metrics: metrics && new MetricExporter(metrics.endpoint, headers, origin),
      logs: logs && new LogExporter(logs.endpoint, headers, origin),
    }
  } finally {
    diag.disable()
  }
}
