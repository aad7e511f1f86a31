import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import type { SharedDependencies } from './dependencies.ts'

/** Metrics that only a node with Redis has. To collect them, the node sends no command to Redis. */
export function sharedMetrics(shared: SharedDependencies): MetricSource {
  return { collect: (sink) => collect(sink, shared) }
}

function collect(
  sink: MetricSink,
  { cluster, redisMemory, revocations, trail, sessions, sessionCount }: SharedDependencies,
): void {
  const status = cluster.status()
  sink.value(instruments.clusterContact, Number(status.in_contact), {})
  sink.value(instruments.clusterCaughtUp, Number(status.caught_up), {})
  if (status.age_ms !== null) sink.value(instruments.clusterAge, status.age_ms / 1000, {})
  sink.value(instruments.clusterBound, status.bound_ms / 1000, {})
  sink.value(instruments.clusterEvents, status.events_applied, { outcome: 'applied' })
  sink.value(instruments.clusterEvents, status.events_unknown, { outcome: 'unknown' })
  sink.value(instruments.clusterJoins, status.joins, {})
  sink.value(instruments.revocations, revocations.size, {})
  sink.value(instruments.revocationBytes, revocations.bytes, {})
  redisMemory.collect(sink)
  trail.collect(sink)
  if (sessions === undefined) return
  sessionCount?.collect(sink)
  sink.value(instruments.sessionsHeld, sessions.cached, {})
  for (const [outcome, count] of Object.entries(sessions.refreshes)) {
    sink.value(instruments.sessionRefreshes, count, { outcome })
  }
}
