import type { Histogram } from './histogram.ts'
import { type Instrument, instruments } from './instruments.ts'

type Labels<Label extends string> = Readonly<Record<Label, string>>

/** Receiver of the metric values of one collection. */
export interface MetricSink {
  value<Label extends string>(instrument: Instrument<Label>, value: number, labels: Labels<Label>): void
  histogram<Label extends string>(instrument: Instrument<Label>, histogram: Histogram, labels: Labels<Label>): void
}

/** A component with metrics. Its values are read at each collection, so no value is stored twice. */
export interface MetricSource {
  collect(sink: MetricSink): void
}

/** Content type of `Metrics.text` (Prometheus text exposition format 0.0.4). */
export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8'

/** All metrics of the process, read from their sources at each collection. */
export class Metrics implements MetricSource {
  readonly #sources: readonly MetricSource[]

  constructor(sources: readonly MetricSource[]) {
    this.#sources = sources
  }

  collect(sink: MetricSink): void {
    for (const source of this.#sources) source.collect(sink)
  }

  /** Returns all metrics in the text format of Prometheus, in the order of `instruments`. */
  text(): string {
    const page = new MetricPage()
    this.collect(page)
    return page.text()
  }
}

class MetricPage implements MetricSink {
  readonly #lines = new Map<Instrument, string[]>(Object.values(instruments).map((each) => [each, []]))

  value<Label extends string>(instrument: Instrument<Label>, value: number, labels: Labels<Label>): void {
    this.#lines.get(instrument)!.push(`${instrument.name}${series(instrument.labels, labels)} ${number(value)}`)
  }

  histogram<Label extends string>(
    instrument: Instrument<Label>,
    { bounds, counts, sum }: Histogram,
    labels: Labels<Label>,
  ): void {
    const { name, labels: names } = instrument
    const lines = this.#lines.get(instrument)!
    let count = 0
    for (const [i, bound] of [...bounds, Number.POSITIVE_INFINITY].entries()) {
      count += counts[i]!
      lines.push(`${name}_bucket${series([...names, 'le'], { ...labels, le: number(bound) })} ${count}`)
    }
    lines.push(`${name}_sum${series(names, labels)} ${number(sum)}`)
    lines.push(`${name}_count${series(names, labels)} ${count}`)
  }

  text(): string {
    let text = ''
    for (const [{ name, kind, help }, lines] of this.#lines) {
      if (lines.length === 0) continue
      text += `# HELP ${name} ${escapedHelp(help)}\n# TYPE ${name} ${kind}\n${lines.join('\n')}\n`
    }
    return text
  }
}

function series<Label extends string>(names: readonly Label[], labels: Labels<Label>): string {
  if (names.length === 0) return ''
  return `{${names.map((name) => `${name}="${escapedLabel(labels[name])}"`).join(',')}}`
}

function number(value: number): string {
  return value === Number.POSITIVE_INFINITY ? '+Inf' : String(value)
}

const escapedHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
const escapedLabel = (text: string): string => escapedHelp(text).replaceAll('"', '\\"')
