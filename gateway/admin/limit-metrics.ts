import type { LimitCounts } from '../limits/limit-counts.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSource } from '../telemetry/metrics.ts'

/** Metrics of the decisions of each rate limit on this node. */
export function limitMetrics(limiter: { metrics(): readonly Readonly<LimitCounts>[] }): MetricSource {
  return {
    collect(sink) {
      for (const { limit, admitted, refused, outage, shadowRefused, leased, returned } of limiter.metrics()) {
        sink.value(instruments.limitRequests, admitted, { limit, outcome: 'admitted' })
        sink.value(instruments.limitRequests, refused, { limit, outcome: 'refused' })
        sink.value(instruments.limitRequests, shadowRefused, { limit, outcome: 'shadow-refused' })
        sink.value(instruments.limitOutage, outage, { limit })
        sink.value(instruments.limitPermits, leased, { limit, outcome: 'leased' })
        sink.value(instruments.limitPermits, returned, { limit, outcome: 'returned' })
      }
    },
  }
}
