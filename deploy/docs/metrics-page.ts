import { type Instrument, instruments } from '../../gateway/telemetry/instruments.ts'
import { code, generatedNote, table } from './markdown.ts'

/** Builds docs/reference/metrics.md: every metric that `/metrics` can show. */
export function metricsPage(): string {
  const rows = Object.values<Instrument>(instruments).map(({ name, kind, labels, help }) => [
    code(name),
    kind,
    labels.map(code).join(' '),
    help,
  ])
  return `# Metrics

${generatedNote}

Metrics of \`GET /metrics\`, in the text format of Prometheus, on the admin listener and on the probe listener of nodes, and on
the probe listener of workers. The request needs no token. Units are seconds and bytes. Counters start at 0 when the process starts.
Counters of a route survive a change of the policy if the route keeps its id.

Labels have values from closed sets: names in the policy, and words of the gate. \`decision\` and \`reason\` are those of the
access log ([reasons](reasons.md)). Nothing that a client sends becomes a label.

${table(['metric', 'type', 'labels', 'meaning'], rows)}

## Bounds of the histograms

${table(['metric', 'upper bounds, s'], histograms())}

## Important queries

- **Failures of the gate, an issuer, Redis or a service**: \`rate(gatehouse_requests_total{decision="failed"}[5m])\`, by \`reason\` and \`route\`.
- **Latency that the gate adds to a request**: \`histogram_quantile(0.99, rate(gatehouse_gate_seconds_bucket[5m]))\`. A first request
  with a token waits for the verification of one signature; with a cached token the time is well below a millisecond.
- **Nodes with different policies**: \`count by (revision) (gatehouse_policy_info)\` has more than one row for minutes, or
  \`gatehouse_policy_rejected_total\` grows.
- **Outdated issuer keys**: \`gatehouse_issuer_keys_age_seconds\` beyond a few minutes, \`gatehouse_issuer_keys_failing\` at 1.
- **Attacks**: \`gatehouse_requests_total{reason=~"token-.*|address-limited"}\`.
`
}

function histograms(): string[][] {
  return Object.values<Instrument>(instruments)
    .filter(({ kind }) => kind === 'histogram')
    .map(({ name, bounds }) => [code(name), bounds.join(' ')])
}
