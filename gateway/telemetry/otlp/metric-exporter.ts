import { performance } from 'node:perf_hooks'
import { ValueType } from '@opentelemetry/api'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type HistogramMetricData,
  type MetricData,
} from '@opentelemetry/sdk-metrics'
import type { Histogram } from '../histogram.ts'
import type { Instrument } from '../instruments.ts'
import type { MetricSink, Metrics } from '../metrics.ts'
import { exported } from './exported.ts'
import { hrTime, type Origin } from './origin.ts'

/** Sends all metrics over OTLP. Uses the same instruments and names as `/metrics`. */
export class MetricExporter {
  readonly #exporter: OTLPMetricExporter
  readonly #origin: Origin

  constructor(url: string, headers: Record<string, string>, origin: Origin) {
    this.#exporter = new OTLPMetricExporter({ url, headers, temporalityPreference: AggregationTemporality.CUMULATIVE })
    this.#origin = origin
  }

  /**
   * @returns number of metrics sent
   * @throws {Error} as a rejection, when the receiver did not accept the metrics
   */
  async send(metrics: Metrics): Promise<number> {
    const reading = new OtlpReading()
    metrics.collect(reading)
    const { resource, scope } = this.#origin
    const read = reading.metrics()
    await exported(this.#exporter, { resource, scopeMetrics: [{ scope, metrics: read }] })
    return read.length
  }

  close(): Promise<void> {
    return this.#exporter.shutdown()
  }
}

type HistogramPoint = HistogramMetricData['dataPoints'][number]

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
