import type { QueueListing } from '../gateway/queues/queue-view.ts'
import { instruments } from '../gateway/telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../gateway/telemetry/metrics.ts'
import type { SinkLag, SinkShipper } from './sink-shipper.ts'

interface WorkerMetricsDependencies {
  readonly shippers: readonly SinkShipper[]
  /** Lists every queue whose jobs the worker processes. */
  readonly queues: () => Promise<readonly QueueListing[]>
}

/** Maximum wait for Redis in each scrape, ms. Later, the metrics that need Redis are left out. */
const REDIS_MS = 1000

/** Metrics of a worker: records sent to sinks, failures, backlogs of sinks, and lengths of queues. */
export class WorkerMetrics implements MetricSource {
  readonly #dependencies: WorkerMetricsDependencies
  /** Lengths of the queues at the last reading. @bound policy */
  #queues: readonly QueueListing[] = []
  /** Backlogs of the sinks at the last reading. @bound settings */
  #lags: readonly SinkLag[] = []

  constructor(dependencies: WorkerMetricsDependencies) {
    this.#dependencies = dependencies
  }

  /** Reads backlogs and queue lengths from Redis. Call before each scrape. */
  async refresh(): Promise<void> {
    const { queues, shippers } = this.#dependencies
    const [listings, lags] = await Promise.all([
      inTime(queues()),
      inTime(Promise.all(shippers.map((shipper) => shipper.lag()))),
    ])
    this.#queues = listings ?? []
    this.#lags = lags ?? []
  }

  collect(sink: MetricSink): void {
    for (const { name, counts } of this.#dependencies.shippers) {
      sink.value(instruments.shippedRecords, counts.records, { sink: name })
      sink.value(instruments.shippingFailures, counts.failures, { sink: name })
      sink.value(instruments.shippedDead, counts.dead, { sink: name })
    }
    for (const { sink: name, seconds, dead } of this.#lags) {
      sink.value(instruments.shippingLag, seconds, { sink: name })
      sink.value(instruments.deadLetters, dead, { sink: name })
    }
    for (const { queue, waiting, active, delayed, failed } of this.#queues) {
      for (const [state, jobs] of Object.entries({ waiting, active, delayed, failed })) {
        sink.value(instruments.queueJobs, jobs, { queue, state })
      }
    }
  }
}

/** Waits for a reply of Redis; `undefined` when Redis fails or takes longer than REDIS_MS (1 s). */
async function inTime<T>(asked: Promise<T>): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, REDIS_MS, undefined)
  try {
    return await Promise.race([asked.catch(() => undefined), late])
  } finally {
    clearTimeout(timer)
  }
}
