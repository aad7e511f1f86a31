import { DiagLogLevel, diag } from '@opentelemetry/api'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { AggregationTemporality } from '@opentelemetry/sdk-metrics'
import type { Secret } from '../../base/secret.ts'
import type { TelemetrySettings } from '../../base/telemetry-settings.ts'
import type { Delivery, DeliveryLog, TelemetrySignal } from '../delivery.ts'
import type { OriginNames } from '../origin-names.ts'
import type { ExportDone } from './counted-exporter.ts'
import { ExportAuthorization } from './export-authorization.ts'
import { LogQueue } from './log-queue.ts'
import { MetricPush } from './metric-push.ts'
import { originOf } from './origin.ts'
import { OtlpAgent, type SignalVariable } from './otlp-agent.ts'
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
 * @param delivery       creates the delivery statistics of a signal
 * @param authorization  returns the secret `telemetry.authorization` of the settings in force
 */
export function openExports(
  settings: TelemetrySettings,
  names: OriginNames,
  log: DeliveryLog,
  delivery: (signal: TelemetrySignal) => Delivery,
  authorization: () => Secret | undefined,
): OtlpExports {
  const { traces, metrics, logs } = settings
  // Let OpenTelemetry log only while the exporters read their environment variables. Later, OpenTelemetry would log
  // every failure of every batch.
  const tell = (level: 'info' | 'warn') => (text: string) => log(level, 'opentelemetry', { text: text.slice(0, 200) })
  const [quiet, warn] = [(): void => {}, tell('warn')]
  diag.setLogger({ error: warn, warn, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN)
  try {
    const origin = originOf(names)
    const temporalityPreference = AggregationTemporality.CUMULATIVE
    const spans = authorized('TRACES', traces?.endpoint, authorization, (options) => new OTLPTraceExporter(options))
    const push = authorized(
      'METRICS',
      metrics?.endpoint,
      authorization,
      (options) => new OTLPMetricExporter({ ...options, temporalityPreference }),
    )
    const lines = authorized('LOGS', logs?.endpoint, authorization, (options) => new OTLPLogExporter(options))
    return {
      spans: spans && new SpanQueue(spans, delivery('spans'), origin),
      metrics: push && new MetricPush(push, delivery('metrics'), origin, metrics!.intervalMs),
      logs: lines && new LogQueue(lines, delivery('logs'), origin),
    }
  } finally {
    diag.disable()
  }
}

/** Options of the exporter of one signal. */
interface SignalOptions {
  readonly url: string
  readonly headers: () => Promise<Record<string, string>>
  readonly httpAgentOptions: OtlpAgent['forProtocol']
}

/**
 * Opens the exporter of one signal. After the receiver refused the `Authorization` value, the exporter sends the batch
 * again, once, if another value is known.
 *
 * @param url  receiver of the signal; `undefined` for a signal that is not sent
 */
function authorized<Exporter extends { export(batch: never, done: ExportDone): void; shutdown(): Promise<void> }>(
  signal: SignalVariable,
  url: string | undefined,
  secret: () => Secret | undefined,
  open: (options: SignalOptions) => Exporter,
): Exporter | undefined {
  if (url === undefined) return undefined
  const authorization = new ExportAuthorization(secret)
  const agent = new OtlpAgent(signal, process.env)
  const exporter = open({ url, headers: authorization.headers, httpAgentOptions: agent.forProtocol })
  const [send, shutdown] = [exporter.export.bind(exporter), exporter.shutdown.bind(exporter)]
  exporter.export = (batch: never, done: ExportDone) =>
    send(batch, (result) => (authorization.refused(result.error) ? send(batch, done) : done(result)))
  exporter.shutdown = () => shutdown().finally(() => agent.close())
  return exporter
}
