import { performance } from 'node:perf_hooks'
import { ValueType } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type HistogramMetricData,
  type MetricData,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import type { Delivery } from '../delivery.ts'
import type { Histogram } from '../histogram.ts'
import type { Instrument } from '../instruments.ts'
import type { MetricSink, Metrics } from '../metrics.ts'
import { CountedExporter, PROCESSOR_TIMEOUT_MS } from './counted-exporter.ts'
import { hrTime, type Origin } from './origin.ts'

/**
 * Sends all metrics over OTLP once per interval, by the SDK's `PeriodicExportingMetricReader`. Uses the same instruments
 * and names as `/metrics`.
 */
export class MetricPush {
  readonly #exporter: CountedExporter<ResourceMetrics>
  readonly #reader: PeriodicExportingMetricReader
  readonly #delivery: Delivery
  readonly #origin: Origin
  #started = false

  constructor(exporter: PushMetricExporter, delivery: Delivery, origin: Origin, intervalMs: number) {
    const items = ({ scopeMetrics }: ResourceMetrics) =>
      scopeMetrics.reduce((total, { metrics }) => total + metrics.length, 0)
    this.#exporter = new CountedExporter(exporter, delivery, { items, failedItems: () => 1 })
    this.#reader = new PeriodicExportingMetricReader({
      exporter: this.#exporter,
      exportIntervalMillis: intervalMs,
      exportTimeoutMillis: Math.min(intervalMs, PROCESSOR_TIMEOUT_MS),
    })
    this.#delivery = delivery
    this.#origin = origin
  }

  /** Starts to send the metrics once per interval, and once more at `close`. */
  start(metrics: Metrics): void {
    this.#started = true
    this.#reader.setMetricProducer({
      collect: async () => ({ resourceMetrics: this.#read(metrics), errors: [] }),
    })
  }

  /** Sends the metrics once more and closes the exporter. The caller limits the time. */
  close(): Promise<void> {
    return this.#started ? this.#reader.shutdown() : this.#exporter.shutdown()
  }

  /**
   * Reads all metrics. The result is empty while an export is running, and the SDK then sends nothing. The SDK's reader
   * starts the next export after `exportTimeoutMillis`, but does not end the running export. The result is also empty
   * when a source throws.
   */
  #read(metrics: Metrics): ResourceMetrics {
    const { resource, scope } = this.#origin
    if (this.#exporter.busy) return { resource, scopeMetrics: [] }
    try {
      const reading = new OtlpReading()
      metrics.collect(reading)
      return { resource, scopeMetrics: [{ scope, metrics: reading.metrics() }] }
    } catch (error) {
      this.#delivery.failed(1, error)
      return { resource, scopeMetrics: [] }
    }
  }
}

type HistogramPoint = HistogramMetricData['dataPoints'][number]

/** The values of one reading of all metrics. @bound job */
class OtlpReading implements MetricSink {
  readonly #startTime = hrTime(performance.timeOrigin)
  readonly #endTime = hrTime(Date.now())
  readonly #values = new Map<Instrument, DataPoint<number>[]>()
  readonly #histograms = new Map<Instrument, HistogramPoint[]>()

  value<Label extends string>(
    instrument: Instrument<Label>,
    value: number,
    labels: Readonly<Record<Label, string>>,
  ): void {
    append(this.#values, instrument, this.#point(value, labels))
  }

  histogram<Label extends string>(
    instrument: Instrument<Label>,
    { bounds, counts, sum, count }: Histogram,
    labels: Readonly<Record<Label, string>>,
  ): void {
    const buckets = { boundaries: [...bounds], counts: [...counts] }
    append(this.#histograms, instrument, this.#point({ buckets, sum, count }, labels))
  }

  metrics(): MetricData[] {
    const values = [...this.#values].map(([instrument, dataPoints]): MetricData => {
      const common = { ...commonOf(instrument), dataPoints }
      return instrument.kind === 'counter'
        ? { ...common, dataPointType: DataPointType.SUM, isMonotonic: true }
        : { ...common, dataPointType: DataPointType.GAUGE }
    })
    const histograms = [...this.#histograms].map(
      ([instrument, dataPoints]): MetricData => ({
        ...commonOf(instrument),
        dataPointType: DataPointType.HISTOGRAM,
        dataPoints,
      }),
    )
    return [...values, ...histograms]
  }

  #point<T>(value: T, labels: Readonly<Record<string, string>>): DataPoint<T> {
    return { startTime: this.#startTime, endTime: this.#endTime, attributes: labels, value }
  }
}

function append<Point>(points: Map<Instrument, Point[]>, instrument: Instrument, point: Point): void {
  const known = points.get(instrument)
  if (known === undefined) points.set(instrument, [point])
  else known.push(point)
}

function commonOf({ name, help }: Instrument) {
  return {
    descriptor: { name, description: help, unit: unitOf(name), valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  }
}

/** Returns the UCUM unit for the base unit in a metric's name. */
function unitOf(name: string): string {
  if (/_seconds(_total)?$/.test(name)) return 's'
  return /_bytes(_total)?$/.test(name) ? 'By' : '1'
}
