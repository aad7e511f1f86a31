import type { StreamRegistry } from '../streams/stream-registry.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import { lookupResults } from '../upstream/names/known-name.ts'
import type { Http2Reading, NodeView, UpstreamView } from './dependencies.ts'

/** Metrics of one node's components. */
export function nodeMetrics(node: NodeView, streams: Pick<StreamRegistry, 'openByKind'>): MetricSource {
  return { collect: (sink) => collect(sink, node, streams) }
}

function collect(sink: MetricSink, node: NodeView, streams: Pick<StreamRegistry, 'openByKind'>): void {
  const { connections, http2, verifier, policy } = node
  sink.value(instruments.ready, Number(node.ready), {})
  sink.value(instruments.inFlight, node.inFlight, {})
  for (const [kind, open] of Object.entries(streams.openByKind)) {
    sink.value(instruments.streams, open, { kind })
  }
  sink.value(instruments.connections, connections.open, {})
  sink.value(instruments.connectionsOpened, connections.opened, {})
  if (http2 !== undefined) collectHttp2(sink, http2)
  sink.value(instruments.policy, 1, { revision: node.snapshot.revision })
  sink.value(instruments.policyLoaded, policy.loadedAtMs / 1000, {})
  sink.value(instruments.policyRejected, policy.rejected, {})
  for (const { issuer, keys, outcome, ageMs } of node.issuerKeys) {
    sink.value(instruments.issuerKeys, keys, { issuer })
    sink.value(instruments.issuerKeysFailing, Number(outcome === 'failed'), { issuer })
    if (ageMs !== undefined) sink.value(instruments.issuerKeysAge, ageMs / 1000, { issuer })
  }
  collectUpstreams(sink, node)
  sink.value(instruments.keptBodies, node.keptBodiesBytes, {})
  for (const { service, counts } of node.retries) {
    for (const [cause, outcome, count] of counts) {
      sink.value(instruments.upstreamRetries, count, { service, cause: String(cause), outcome })
    }
  }
  sink.value(instruments.tokensCached, verifier.cached, {})
  sink.value(instruments.tokensCachable, verifier.capacity, {})
  sink.value(instruments.verifications, verifier.verifications, {})
  sink.value(instruments.logLost, node.logLinesLost, {})
}

function collectHttp2(sink: MetricSink, { sessions, streams, ended, refused }: Http2Reading): void {
  sink.value(instruments.http2Sessions, sessions, {})
  sink.value(instruments.http2Streams, streams, {})
  for (const [cause, count] of ended) sink.value(instruments.http2SessionsEnded, count, { cause })
  for (const [cause, count] of refused) sink.value(instruments.http2StreamsRefused, count, { cause })
}

/** Collects the metrics of upstreams. Addresses are no label, because services get new ones with each restart. */
function collectUpstreams(sink: MetricSink, { upstreams, names }: NodeView): void {
  for (const addresses of Map.groupBy(upstreams, ({ service, origin }) => `${service} ${origin}`).values()) {
    const { service, origin, protocol, ejections, checks } = addresses[0]!
    const upstream = { service, upstream: origin }
    const sum = (of: (each: UpstreamView) => number) => addresses.reduce((total, each) => total + of(each), 0)
    sink.value(
      instruments.upstreamConnections,
      sum(({ connections }) => connections),
      { ...upstream, protocol },
    )
    sink.value(
      instruments.upstreamCalls,
      sum(({ calls }) => calls),
      upstream,
    )
    sink.value(
      instruments.upstreamLimit,
      sum(({ limit }) => limit),
      upstream,
    )
    sink.value(
      instruments.upstreamResting,
      sum(({ resting }) => Number(resting)),
      upstream,
    )
    for (const [state, { length }] of Map.groupBy(addresses, (each) => each.state)) {
      sink.value(instruments.upstreamState, length, { ...upstream, state })
    }
    for (const [cause, count] of ejections) sink.value(instruments.upstreamEjections, count, { ...upstream, cause })
    for (const [result, count] of checks) sink.value(instruments.upstreamChecks, count, { ...upstream, result })
  }
  for (const { name, counts, ageMs } of names) {
    for (const result of lookupResults) sink.value(instruments.upstreamLookups, counts[result], { name, result })
    if (ageMs !== undefined) sink.value(instruments.upstreamLookupAge, ageMs / 1000, { name })
  }
}
