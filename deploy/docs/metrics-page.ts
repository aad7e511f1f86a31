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

What \`GET /metrics\` says, in the text format of Prometheus, on the admin listener and on the probe listener, of workers
too. It takes no token. Units are seconds and bytes. Counters begin at 0 with the process; those of a route outlive a change of the policy,
by the id of the route.

Labels have values from closed sets: names in the policy, and our own words. \`decision\` and \`reason\` are those of the
access log ([reasons](reasons.md)). Nothing that a client sends becomes a label.

${table(['metric', 'type', 'labels', 'meaning'], rows)}

## Bounds of the histograms

${table(['metric', 'upper bounds, s'], histograms())}

## What to look at

- **Errors that are ours or a service's**: \`rate(gatehouse_requests_total{decision="failed"}[5m])\`, by \`reason\` and \`route\`.
- **What the gate adds to a request**: \`histogram_quantile(0.99, rate(gatehouse_gate_seconds_bucket[5m]))\`. A first request
  with a token waits for one signature; with a known token the time is well below a millisecond.
- **Nodes with different policies**: \`count by (revision) (gatehouse_policy_info)\` has more than one row for long, or
  \`gatehouse_policy_rejected_total\` grows.
- **Keys that grow old**: \`gatehouse_issuer_keys_age_seconds\` beyond a few minutes, \`gatehouse_issuer_keys_failing\` at 1.
- **Attacks**: \`gatehouse_requests_total{reason=~"token-.*|address-limited"}\`.
`
}

function histograms(): string[][] {
  return Object.values<Instrument>(instruments)
    .filter(({ kind }) => kind === 'histogram')
    .map(({ name, bounds }) => [code(name), bounds.join(' ')])
}
