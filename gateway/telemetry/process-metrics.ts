import { performance } from 'node:perf_hooks'
import { Supervisor, taskFailures } from '../base/supervisor.ts'
import { Histogram } from './histogram.ts'
import { instruments } from './instruments.ts'
import type { MetricSink, MetricSource } from './metrics.ts'

const BEAT_MS = 100

/** Metrics of the process: version, start time, CPU, memory, background task failures and event loop lag. */
export class ProcessMetrics implements MetricSource {
  readonly #version: string
  readonly #lag = new Histogram(instruments.loopLag.bounds)
  readonly #endBeating: () => void
  #dueAt = performance.now() + BEAT_MS

  constructor(version: string) {
    this.#version = version
    this.#endBeating = new Supervisor('process-metrics').repeat(BEAT_MS, () => this.#beat())
  }

  #beat(): void {
    const now = performance.now()
    this.#lag.observe(Math.max(0, now - this.#dueAt) / 1000)
    // Compute the next due time from now, 100 ms later, so that one late timer does not make later timers count as
    // late.
    this.#dueAt = now + BEAT_MS
  }

  collect(sink: MetricSink): void {
    const { rss, heapUsed, external } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    sink.value(instruments.build, 1, { version: this.#version, node: process.versions.node })
    sink.value(instruments.started, performance.timeOrigin / 1000, {})
    sink.value(instruments.cpu, user / 1e6, { mode: 'user' })
    sink.value(instruments.cpu, system / 1e6, { mode: 'system' })
    sink.value(instruments.resident, rss, {})
    sink.value(instruments.heapUsed, heapUsed, {})
    sink.value(instruments.external, external, {})
    for (const [task, failures] of taskFailures()) sink.value(instruments.taskFailures, failures, { task })
    sink.histogram(instruments.loopLag, this.#lag, {})
  }

  close(): void {
    this.#endBeating()
  }
}
