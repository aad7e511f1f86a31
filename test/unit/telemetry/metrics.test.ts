import { expect, test } from 'vitest'
import type { Reason } from '../../../gateway/base/reasons.ts'
import { Histogram } from '../../../gateway/telemetry/histogram.ts'
import { instruments } from '../../../gateway/telemetry/instruments.ts'
import { type MetricSource, Metrics } from '../../../gateway/telemetry/metrics.ts'
import { type EndedExchange, Traffic } from '../../../gateway/telemetry/traffic.ts'

// docs/design/contract.md §12: metric names start with `gatehouse_`, values are in base units, counters end in
// `_total`, and label values come from fixed sets. The counters of a route survive a policy change.

const all = Object.values(instruments)

const textOf = (...sources: MetricSource[]) => new Metrics(sources).text()

/** Returns the value of a series in the metrics text; `undefined` when the series is absent. */
function valueIn(text: string, series: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

function exchange(
  route: string | undefined,
  reason: Reason = 'admitted',
  parts: Partial<EndedExchange> = {},
): EndedExchange {
  return {
    route: route === undefined ? undefined : { id: route },
    reason,
    status: 200,
    startedAt: 1000,
    forwardedAt: 1001,
    repliedAt: 1011,
    head: { version: '1.1', grpc: false },
    downstream: { bytesIn: 3, bytesOut: 5 },
    ...parts,
  }
}

test('every metric name has the prefix gatehouse_ and no unit other than a base unit (no ms, no MB), and only counters end in _total', () => {
  for (const { name, kind, labels } of all) {
    expect(name).toMatch(/^gatehouse_[a-z]+[0-9]?(_[a-z]+[0-9]?)*$/)
    expect([name, name.endsWith('_total')]).toEqual([name, kind === 'counter'])
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|kib|mb)(_|$)/)
    for (const label of labels) expect(label).toMatch(/^[a-z]+$/)
  }
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
})

test('every metric has a help text, and every histogram has ascending bounds', () => {
  for (const { help, kind, bounds } of all) {
    expect(help.length).toBeGreaterThan(10)
    expect(bounds.length > 0).toBe(kind === 'histogram')
    expect([...bounds].sort((a, b) => a - b)).toEqual(bounds)
  }
})

test.each([
  ['quotes', 'a"b', 'a\\"b'],
  ['backslashes', 'a\\nb', 'a\\\\nb'],
  ['line feeds', 'a\nb', 'a\\nb'],
  ['braces', 'a"} 1\nb{', 'a\\"} 1\\nb{'],
])('the metrics text escapes %s in a label value', (_, value, written) => {
  const text = textOf({ collect: (sink) => sink.value(instruments.policy, 1, { revision: value }) })

  expect(text.split('\n')[2]).toBe(`gatehouse_policy_info{revision="${written}"} 1`)
})

test('in the metrics text, histogram buckets are cumulative and include their upper bound', () => {
  const histogram = new Histogram([1, 2, 5])
  for (const value of [0.5, 1, 1.5, 2, 5, 6]) histogram.observe(value)
  const lines = textOf({ collect: (sink) => sink.histogram(instruments.loopLag, histogram, {}) }).split('\n')

  const name = 'gatehouse_event_loop_lag_seconds'
  expect(lines.slice(2, -1)).toEqual([
    `${name}_bucket{le="1"} 2`,
    `${name}_bucket{le="2"} 4`,
    `${name}_bucket{le="5"} 5`,
    `${name}_bucket{le="+Inf"} 6`,
    `${name}_sum 16`,
    `${name}_count 6`,
  ])
})

test('the metrics text has one HELP line and one TYPE line for a metric with two sources', () => {
  const source: MetricSource = { collect: (sink) => sink.value(instruments.cpu, 1, { mode: 'user' }) }
  const text = textOf(source, source)

  expect(text.match(/^# TYPE gatehouse_cpu_seconds_total counter$/gm)).toHaveLength(1)
  expect(text.match(/^# HELP gatehouse_cpu_seconds_total /gm)).toHaveLength(1)
  expect(text.match(/^gatehouse_cpu_seconds_total\{/gm)).toHaveLength(2)
})

test('the metrics count a finished exchange once for its route, with its durations and bytes', () => {
  const traffic = new Traffic()
  traffic.retain(['orders.read'])
  traffic.count(exchange('orders.read'))
  traffic.count(exchange('orders.read', 'upstream-timeout', { status: 504, repliedAt: 0 }))
  const text = textOf(traffic)
  const at = (name: string, labels = '') => valueIn(text, `gatehouse_${name}{route="orders.read"${labels}}`)

  expect(at('requests_total', ',decision="admitted",reason="admitted"')).toBe(1)
  expect(at('requests_total', ',decision="failed",reason="upstream-timeout"')).toBe(1)
  expect(at('responses_total', ',class="2xx"')).toBe(1)
  expect(at('responses_total', ',class="5xx"')).toBe(1)
  expect(at('gate_seconds_bucket', ',le="0.001"')).toBe(2)
  expect(at('gate_seconds_sum')).toBeCloseTo(0.002)
  expect(at('upstream_seconds_count')).toBe(1)
  expect(at('upstream_seconds_sum')).toBeCloseTo(0.01)
  expect(at('received_bytes_total')).toBe(6)
  expect(at('sent_bytes_total')).toBe(10)
})

test.each([0, 99, 600, 1000])('the metrics count an exchange with status %d under no status class', (status) => {
  const traffic = new Traffic()
  traffic.count(exchange(undefined, 'client-gone', { status }))
  const text = textOf(traffic)

  expect(text).not.toContain('gatehouse_responses_total')
  expect(valueIn(text, 'gatehouse_requests_total{route="",decision="broken",reason="client-gone"}')).toBe(1)
})

test('the counters of failed logins exist before the first failed login, so that the first failure is an increase', () => {
  const text = textOf(new Traffic())

  for (const reason of ['login-misconfigured', 'issuer-unreachable', 'store-unavailable']) {
    expect(valueIn(text, `gatehouse_requests_total{route="",decision="failed",reason="${reason}"}`)).toBe(0)
  }
})

test('a route that a policy removes and a later policy adds again keeps its metric counters', () => {
  const traffic = new Traffic()
  const count = () =>
    valueIn(textOf(traffic), 'gatehouse_requests_total{route="a",decision="admitted",reason="admitted"}')
  traffic.retain(['a', 'b'])
  traffic.count(exchange('a'))
  traffic.retain(['a', 'c'])
  traffic.count(exchange('a'))
  expect(count()).toBe(2)

  traffic.retain(['c'])
  // An exchange whose route was matched before the policy change can end after the change.
  traffic.count(exchange('a'))
  expect(count()).toBe(3)
  traffic.retain(['a'])
  traffic.count(exchange('a'))
  expect(count()).toBe(4)
})

test('the metrics keep the counters of the last 1,000 removed routes, and drop the oldest first', () => {
  const traffic = new Traffic()
  for (let i = 0; i < 1200; i++) {
    traffic.retain([`r${i}`])
    traffic.count(exchange(`r${i}`))
  }
  const text = textOf(traffic)
  const kept = [...text.matchAll(/^gatehouse_requests_total\{route="r(\d+)"/gm)].map(([, number]) => Number(number))

  expect(kept).toEqual(Array.from({ length: 1001 }, (_, i) => i + 199))
})

test('the metrics count an exchange of an unknown route under an empty route label', () => {
  const traffic = new Traffic()
  traffic.count(exchange('forgotten'))

  expect(valueIn(textOf(traffic), 'gatehouse_requests_total{route="",decision="admitted",reason="admitted"}')).toBe(1)
})
